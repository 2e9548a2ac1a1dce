import {
  type Activations,
  type QuantizedWeight,
  type Tensor,
  add,
  availableBackends,
  grad,
  isQuantizedWeight,
  isTensor,
  linear,
  logSoftmax,
  memory,
  mul,
  normal,
  quantize,
  scope,
  setBackend,
  sum,
  tensor,
} from '@tessera-llm/tensor';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Batch, batchFromSequences } from './batch';
import { CausalLMModule, type Head } from './causal-lm';
import { Embedding } from './embedding';
import { LayersError } from './errors';
import { GatedFeedForward } from './feed-forward';
import { initializer } from './init';
import { Conv1D, Linear } from './linear';
import { languageModelLoss } from './loss';
import { RMSNorm } from './norm';

/** A language model of a feed-forward between tied embeddings. */
class Small extends CausalLMModule {
  readonly embed: Embedding;
  readonly ffn: GatedFeedForward;
  readonly norm: RMSNorm;
  constructor() {
    super({ vocabSize: 50, positionLimit: 99, layers: 1, numKeyValueHeads: 1, headDim: 1, compute: 'float32' });
    const init = initializer({ seed: 3, std: 0.3 });
    this.embed = new Embedding(50, 64, { init });
    this.ffn = new GatedFeedForward({ init, width: 64, innerWidth: 96 });
    this.norm = new RMSNorm(64, { init, eps: 1e-6 });
  }
  get head(): Head {
    return { weight: this.embed.weight, softcap: 20 };
  }
  hidden(batch: Batch): Tensor {
    return this.norm.forward(this.ffn.forward(this.embed.forward(batch.ids)));
  }
}

async function quantizeAll(model: Small, activations: Activations, format: 'Q8_0' | 'int8' = 'Q8_0'): Promise<void> {
  for (const [key, weight] of model.namedParameters()) {
    if (weight.rank === 2) model.setWeight(key, await quantize(weight, format, { activations }));
  }
}

const batch = batchFromSequences([
  [1, 2, 3, 4, 5],
  [7, 8, 9],
]);

describe.each(availableBackends())('quantised weights on %s', (backend) => {
  beforeEach(() => setBackend(backend));
  afterEach(() => setBackend(availableBackends()[0] ?? 'reference'));

  it('a model with them computes what it computes with their values', async () => {
    const packed = new Small();
    await quantizeAll(packed, 'float32');
    const dense = new Small();
    dense.load(new Map([...packed.namedWeights()].map(([key, w]) => [key, isQuantizedWeight(w) ? w.dequantize() : w])));
    expect(packed.parameterCount()).toBe(dense.parameterCount());
    expect([...packed.namedParameters().keys()]).toEqual(['norm.weight']);
    expect([...packed.namedWeights().keys()]).toEqual([...dense.namedParameters().keys()]);
    const rows = packed.hidden(batch);
    expect(rows.dataSync()).toEqual(dense.hidden(batch).dataSync());
    expect(packed.logits(rows).dataSync()).toEqual(dense.logits(rows).dataSync());
    const targets = Int32Array.of(2, 3, 4, 5, 6, 8, 9, 10);
    const probs = packed.logProbs(rows, targets, { temperature: 0.7 }).dataSync();
    dense
      .logProbs(rows, targets, { temperature: 0.7 })
      .dataSync()
      .forEach((want, i) => {
        expect(probs[i]).toBeCloseTo(want, 4);
      });
    const loss = (model: Small) => languageModelLoss(model, batch);
    const [got] = grad(() => loss(packed), [packed.norm.weight]);
    const [want] = grad(() => loss(dense), [dense.norm.weight]);
    const wanted = want?.dataSync() ?? [];
    got?.dataSync().forEach((g, i) => expect(g).toBeCloseTo(wanted[i] ?? Number.NaN, 4));
  });

  it('int8 activations stay close: KL divergence from float32', async () => {
    const exact = new Small();
    const rounded = new Small();
    await quantizeAll(exact, 'float32');
    await quantizeAll(rounded, 'int8');
    const of = (model: Small) => logSoftmax(model.logits(model.hidden(batch))).dataSync();
    const [p, q] = [of(exact), of(rounded)];
    let kl = 0;
    for (let i = 0; i < p.length; i++) kl += Math.exp(p[i] ?? 0) * ((p[i] ?? 0) - (q[i] ?? 0));
    kl /= batch.ids.length;
    console.log(`int8 activations on ${backend}: KL divergence from float32 ${kl.toExponential(2)} nats per token`);
    expect(kl).toBeGreaterThan(0);
    expect(kl).toBeLessThan(2e-3);
  });

  it('gradients pass through to adapters before and beside a quantised weight, as through its values', async () => {
    const x = normal([4, 64], { seed: 6 });
    const [a, b] = [normal([8, 64], { seed: 7 }), normal([64, 8], { seed: 8 })];
    const g = normal([4, 64], { seed: 9 });
    for (const activations of ['float32', 'bfloat16', 'int8'] as const) {
      const compute = activations === 'float32' ? 'float32' : 'bfloat16';
      const base = new Linear(64, 64, { init: initializer({ seed: 5, std: 0.2 }), compute });
      const adapted = (y: Tensor) => add(base.forward(y), linear(linear(y, a), b));
      const grads = () => grad(() => sum(mul(adapted(adapted(x)), g)), [a, b]).map((t) => t.dataSync());
      if (!isTensor(base.weight)) throw new Error('a new layer is dense');
      const weight = await quantize(base.weight, 'Q4_0', { activations });
      const dense = weight.dequantize();
      base.setWeight('weight', weight);
      const got = grads();
      base.setWeight('weight', dense);
      // int8 rounds what the adapters see as well.
      const near = activations === 'int8' ? 2e-2 : 1e-6;
      grads().forEach((want, i) => {
        const size = Math.max(...want.map(Math.abs));
        want.forEach((v, j) => expect(Math.abs((got[i]?.[j] ?? Number.NaN) - v)).toBeLessThanOrEqual(near * size));
      });
    }
  });

  it('swaps free what was there, and refuse what does not fit', async () => {
    const model = new Small();
    const old = model.embed.weight;
    const other = await quantize(normal([50, 64], { seed: 9 }), 'int8');
    model.setWeight('embed.weight', other);
    expect(old.disposed).toBe(true);
    expect(model.embed.weight).toBe(other);
    expect(model.head.weight).toBe(other);
    const again = await quantize(normal([50, 64], { seed: 10 }), 'Q8_0');
    model.load(new Map([...model.namedWeights(), ['embed.weight', again]]));
    expect(other.disposed).toBe(true);
    model.setWeight('embed.weight', again);
    expect(again.disposed).toBe(false);
    const fails = (code: string, run: () => unknown) => expect(run).toThrow(expect.objectContaining({ code }));
    fails('state', () => model.setWeight('embed.weight', normal([50, 63], { seed: 1 })));
    fails('state', () => model.setWeight('embed.bias', normal([50, 64], { seed: 1 })));
    const conv = new Conv1D(64, 32, { init: initializer({ seed: 5 }) });
    const square = await quantize(normal([64, 32], { seed: 1 }), 'Q8_0');
    fails('value', () => conv.setWeight('weight', square));
    fails('value', () =>
      conv.load(
        new Map<string, QuantizedWeight | Tensor>([
          ['weight', square],
          ['bias', tensor(new Float32Array(32))],
        ]),
      ),
    );
    expect(isTensor(conv.weight)).toBe(true);
    expect(() => model.embed.forward(Int32Array.of(50))).toThrow(LayersError);
  });

  it('give their memory back with the module', async () => {
    const start = memory();
    const model = scope(() => new Small());
    await quantizeAll(model, 'bfloat16', 'int8');
    model.dispose();
    expect(memory()).toMatchObject({ tensors: start.tensors, liveBytes: start.liveBytes });
  });
});
