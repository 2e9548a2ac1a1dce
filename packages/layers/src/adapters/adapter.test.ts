import {
  availableBackends,
  cast,
  grad,
  isTensor,
  memory,
  normal,
  parameter,
  quantize,
  setBackend,
  tensor,
} from '@tessera-llm/tensor';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Batch, batchFromSequences } from '../batch';
import { CausalLMModule, type Head } from '../causal-lm';
import { Embedding } from '../embedding';
import { GatedFeedForward } from '../feed-forward';
import { initializer } from '../init';
import { Conv1D } from '../linear';
import { languageModelLoss } from '../loss';
import { type Adapter, applyAdapter } from './adapter';
import { createAdapter } from './create';
import type { AdapterSpec } from './spec';

/** A language model of a feed-forward and a GPT-2 layer between tied embeddings. */
class Small extends CausalLMModule {
  readonly embed: Embedding;
  readonly ffn: GatedFeedForward;
  readonly conv: Conv1D;
  constructor() {
    super({ vocabSize: 40, positionLimit: 99, layers: 1, numKeyValueHeads: 1, headDim: 1, compute: 'float32' });
    const init = initializer({ seed: 3, std: 0.3 });
    this.embed = new Embedding(40, 32, { init });
    this.ffn = new GatedFeedForward({ init, width: 32, innerWidth: 64 });
    this.conv = new Conv1D(32, 32, { init });
  }
  get head(): Head {
    return { weight: this.embed.weight };
  }
  hidden(batch: Batch) {
    return this.conv.forward(this.ffn.forward(this.embed.forward(batch.ids), batch), batch);
  }
}

const sequences = [[1, 2, 3, 4, 5], [7, 8], [9, 10, 11], [12]];
const bits = (model: Small, batch: Batch): Float32Array => Float32Array.from(model.hidden(batch).dataSync());

/** An adapter whose B isn't zero. */
function filled(model: Small, config: Parameters<typeof createAdapter>[1], seed: number): AdapterSpec {
  const { config: checked, tensors } = createAdapter(model, config, { seed });
  let stream = 0;
  return {
    config: checked,
    tensors: new Map([...tensors].map(([key, t]) => [key, normal(t.shape, { seed, stream: stream++, std: 0.2 })])),
  };
}

describe.each(availableBackends())('adapters on %s', (backend) => {
  beforeEach(() => setBackend(backend));
  afterEach(() => setBackend(availableBackends()[0] ?? 'reference'));

  it('a new one changes no value, and A is uniform within 1/√in', () => {
    const model = new Small();
    const batch = batchFromSequences(sequences);
    const before = bits(model, batch);
    const adapter = applyAdapter(model, createAdapter(model, { target_modules: 'all-linear', r: 4 }, { seed: 1 }));
    expect(bits(model, batch)).toEqual(before);
    expect(adapter.config.target_modules).toEqual(['ffn.gate_proj', 'ffn.up_proj', 'ffn.down_proj', 'conv']);
    const a = adapter.tensors.get('base_model.model.ffn.down_proj.lora_A.weight')?.dataSync() ?? [];
    const largest = Math.max(...[...a].map(Math.abs));
    expect(largest).toBeLessThanOrEqual(1 / 8);
    expect(largest).toBeGreaterThan(0.9 / 8);
    expect(a.length).toBe(4 * 64);
  });

  it('computes with W + s B A', () => {
    const model = new Small();
    const batch = batchFromSequences(sequences);
    const spec = filled(model, { target_modules: ['conv', 'up_proj'], r: 3, lora_alpha: 6, use_rslora: true }, 5);
    const scale = 6 / Math.sqrt(3);
    const dense = new Small();
    for (const [path, transposed] of [
      ['conv', true],
      ['ffn.up_proj', false],
    ] as const) {
      const weight = dense.namedParameters().get(`${path}.weight`);
      if (weight === undefined) throw new Error(path);
      const [rows = 0, columns = 0] = weight.shape;
      const [a, b] = ['A', 'B'].map(
        (f) => spec.tensors.get(`base_model.model.${path}.lora_${f}.weight`)?.dataSync() ?? [],
      );
      const width = transposed ? rows : columns;
      const values = weight.dataSync().map((w, i) => {
        const [row, column] = [Math.floor(i / columns), i % columns];
        const [out, from] = transposed ? [column, row] : [row, column];
        let sum = 0;
        for (let r = 0; r < 3; r++) sum += Number(b?.[out * 3 + r]) * Number(a?.[r * width + from]);
        return w + scale * sum;
      });
      dense.setWeight(`${path}.weight`, parameter(tensor(Float32Array.from(values), { shape: weight.shape })));
    }
    const adapter = applyAdapter(model, spec);
    const want = bits(dense, batch);
    bits(model, batch).forEach((v, i) => expect(v).toBeCloseTo(want[i] ?? Number.NaN, 3));
    adapter.merge();
    bits(model, batch).forEach((v, i) => expect(v).toBeCloseTo(want[i] ?? Number.NaN, 3));
  });

  it("each segment has its own adapter's bits, whatever its neighbours have", () => {
    const model = new Small();
    const base = sequences.map((s) => bits(model, batchFromSequences([s])));
    const all: Adapter[] = [
      applyAdapter(model, filled(model, { target_modules: 'all-linear', r: 4 }, 1)),
      applyAdapter(model, filled(model, { target_modules: ['up_proj'], r: 2 }, 2)),
    ];
    expect(all.map(({ index }) => index)).toEqual([0, 1]);
    const alone = (s: readonly number[], index: number) =>
      bits(model, batchFromSequences([s], { adapters: Int32Array.of(index) }));
    for (const adapters of [
      [1, -1, 0, 1],
      [-1, 0, 0, 1],
      [0, 0, 0, 0],
      [-1, -1, -1, -1],
    ]) {
      const got = bits(model, batchFromSequences(sequences, { adapters: Int32Array.from(adapters) }));
      let at = 0;
      sequences.forEach((s, b) => {
        const index = adapters[b] ?? -1;
        const rows = got.slice(at * 32, (at + s.length) * 32);
        expect(rows).toEqual(index === -1 ? base[b] : alone(s, index));
        at += s.length;
      });
    }
    expect(alone([1, 2], 0)).not.toEqual(alone([1, 2], 1));
    expect(() => model.hidden(batchFromSequences(sequences))).toThrow('the model has 2 adapters');
    expect(() => alone([1], 2)).toThrow('indices of applied adapters');
    all[0]?.dispose();
    expect(() => alone([1], 0)).toThrow('indices of applied adapters');
    expect(bits(model, batchFromSequences([[1, 2]]))).toEqual(alone([1, 2], 1));
  });

  it('gradients of mixed batches are those of the segments alone, added up', () => {
    const model = new Small();
    const first = applyAdapter(model, filled(model, { target_modules: 'all-linear', r: 4 }, 1));
    applyAdapter(model, filled(model, { target_modules: ['conv'], r: 2 }, 2));
    const weights = [...first.tensors.values()];
    const gradients = (chosen: readonly number[][], adapters: readonly number[]) => {
      const batch = batchFromSequences(chosen, { adapters: Int32Array.from(adapters) });
      return grad(() => languageModelLoss(model, batch, { normalizer: 1 }), weights).map((g) => g.dataSync());
    };
    const mixed = gradients(
      [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9],
      ],
      [0, 1, 0],
    );
    const apart = [gradients([[1, 2, 3]], [0]), gradients([[7, 8, 9]], [0])];
    mixed.forEach((g, i) => {
      g.forEach((v, j) => expect(v).toBeCloseTo(Number(apart[0]?.[i]?.[j]) + Number(apart[1]?.[i]?.[j]), 4));
    });
    expect(mixed.some((g) => g.some((v) => Math.abs(v) > 1e-3))).toBe(true);
  });

  it('trains beside quantised weights, and refuses to merge into them', async () => {
    const model = new Small();
    const dense = new Small();
    for (const path of ['ffn.up_proj', 'ffn.down_proj', 'ffn.gate_proj']) {
      const weight = model.namedParameters().get(`${path}.weight`);
      if (weight === undefined) throw new Error(path);
      const packed = await quantize(weight, 'Q8_0', { activations: 'float32' });
      dense.setWeight(`${path}.weight`, parameter(packed.dequantize()));
      model.setWeight(`${path}.weight`, packed);
    }
    const config = { target_modules: 'all-linear', r: 4 };
    const grads = [model, dense].map((m) => {
      const adapter = applyAdapter(m, filled(m, config, 9));
      return grad(() => languageModelLoss(m, batchFromSequences(sequences)), [...adapter.tensors.values()]).map((g) =>
        g.dataSync(),
      );
    });
    grads[0]?.forEach((g, i) => g.forEach((v, j) => expect(v).toBeCloseTo(Number(grads[1]?.[i]?.[j]), 4)));
    const packed = new Small();
    packed.setWeight('ffn.up_proj.weight', await quantize(normal([64, 32], { seed: 1 }), 'Q8_0'));
    expect(() => applyAdapter(packed, filled(packed, config, 9)).merge()).toThrow(
      '[merge] expected dense weights, got Q8_0',
    );
  });

  it('merging and unmerging give the very bits back, in bfloat16 too', () => {
    const model = new Small();
    const up = model.ffn.up_proj.weight;
    if (isTensor(up)) model.setWeight('ffn.up_proj.weight', parameter(cast(up, 'bfloat16')));
    const batch = batchFromSequences(sequences);
    const adapter = applyAdapter(model, filled(model, { target_modules: 'all-linear' }, 4));
    const before = bits(model, batch);
    const weights = [...model.namedParameters().values()].map((w) => w.bytesSync());
    adapter.merge();
    expect(bits(model, batch)).not.toEqual(before);
    expect(() => model.hidden(batchFromSequences([[1]], { adapters: Int32Array.of(-1) }))).toThrow('unmerge()');
    expect(() => applyAdapter(model, filled(model, { target_modules: 'all-linear' }, 5))).toThrow('unmerge()');
    adapter.unmerge();
    expect([...model.namedParameters().values()].map((w) => w.bytesSync())).toEqual(weights);
    expect(bits(model, batch)).toEqual(before);
    const second = applyAdapter(model, filled(model, { target_modules: 'all-linear' }, 5));
    expect(() => adapter.merge()).toThrow('no other adapter');
    second.dispose();
    // One that is gone leaves the others alone.
    adapter.dispose();
    expect(() => adapter.merge()).toThrow('got a disposed one');
    const third = applyAdapter(model, filled(model, { target_modules: 'all-linear' }, 6));
    third.merge();
    const merged = bits(model, batch);
    adapter.unmerge();
    expect(bits(model, batch)).toEqual(merged);
    third.dispose();
  });

  it('DoRA starts at the bare model, and merged weights have the lengths that it learned', () => {
    const model = new Small();
    const batch = batchFromSequences(sequences);
    const before = bits(model, batch);
    const config = { target_modules: ['up_proj', 'conv'], r: 2, use_dora: true };
    const fresh = applyAdapter(model, createAdapter(model, config, { seed: 1 }));
    bits(model, batch).forEach((v, i) => expect(v).toBeCloseTo(before[i] ?? Number.NaN, 4));
    fresh.dispose();
    const spec = filled(model, config, 6);
    const adapter = applyAdapter(model, spec);
    const adapted = bits(model, batch);
    adapter.merge();
    bits(model, batch).forEach((v, i) => expect(v).toBeCloseTo(adapted[i] ?? Number.NaN, 4));
    const lengths = (of: ArrayLike<number>, out: number, at: (o: number, i: number) => number) =>
      Array.from({ length: out }, (_, o) => Math.hypot(...Array.from({ length: 32 }, (_, i) => Number(of[at(o, i)]))));
    const want = (path: string) =>
      [...(spec.tensors.get(`base_model.model.${path}.lora_magnitude_vector`)?.dataSync() ?? [])].map(Math.abs);
    const up = model.ffn.up_proj.weight;
    if (!isTensor(up)) throw new Error('dense');
    lengths(up.dataSync(), 64, (o, i) => o * 32 + i).forEach((v, o) =>
      expect(v).toBeCloseTo(Number(want('ffn.up_proj')[o]), 4),
    );
    lengths(model.conv.weight.dataSync(), 32, (o, i) => i * 32 + o).forEach((v, o) =>
      expect(v).toBeCloseTo(Number(want('conv')[o]), 4),
    );
    adapter.unmerge();
    expect(bits(model, batch)).toEqual(adapted);
    const dropping = { ...config, lora_dropout: 0.1 };
    expect(() => createAdapter(model, dropping, { seed: 1 })).toThrow('lora_dropout to be 0');
  });

  it('dropout drops the same for a row in any batch, and only in training', () => {
    const model = new Small();
    applyAdapter(model, filled(model, { target_modules: 'all-linear', lora_dropout: 0.5 }, 4));
    const quiet = bits(model, batchFromSequences(sequences));
    model.train();
    const rng = (...ids: number[]) => ({ seed: 1, step: 3, sampleIds: Int32Array.from(ids) });
    const loud = bits(model, batchFromSequences(sequences, { rng: rng(10, 11, 12, 13) }));
    expect(loud).not.toEqual(quiet);
    expect(bits(model, batchFromSequences(sequences.slice(1, 3), { rng: rng(11, 12) }))).toEqual(
      loud.slice(5 * 32, 10 * 32),
    );
    const adapters = Int32Array.of(0, -1, 0, -1);
    const mixed = bits(model, batchFromSequences(sequences, { rng: rng(10, 11, 12, 13), adapters }));
    expect(mixed.slice(7 * 32, 10 * 32)).toEqual(loud.slice(7 * 32, 10 * 32));
    expect(() => model.hidden(batchFromSequences(sequences))).toThrow('rng');
    model.eval();
    expect(bits(model, batchFromSequences(sequences))).toEqual(quiet);
  });

  it('freezes the model while it has adapters, and gives its memory back', () => {
    const model = new Small();
    const frozen = () => model.parameters().filter((p) => p.requiresGrad).length;
    const [count, start] = [frozen(), memory().liveBytes];
    const first = applyAdapter(model, createAdapter(model, { target_modules: 'all-linear' }, { seed: 1 }));
    const second = applyAdapter(model, createAdapter(model, { target_modules: ['conv'] }, { seed: 2 }));
    first.dispose();
    expect([count, frozen()]).toEqual([6, 0]);
    expect([...second.tensors.values()].every((t) => t.requiresGrad)).toBe(true);
    second.dispose();
    second.dispose();
    expect([frozen(), memory().liveBytes]).toEqual([count, start]);
  });
});

describe('configurations', () => {
  it('refuse what is not applied, by name', () => {
    const model = new Small();
    const spec = createAdapter(model, { target_modules: ['conv'] }, { seed: 1 });
    for (const [field, value] of [
      ['use_qalora', true],
      ['use_dora', 1],
      ['modules_to_save', ['embed']],
      ['bias', 'all'],
      ['lora_bias', true],
      ['peft_type', 'LOHA'],
      ['init_lora_weights', 'pissa'],
      ['trainable_token_indices', [1]],
      ['target_parameters', ['x']],
      ['layer_replication', [[0, 1]]],
      ['a_field_of_tomorrow', 3],
      ['r', 0],
      ['lora_dropout', 1],
      ['lora_alpha', Number.NaN],
      ['rank_pattern', { conv: 1.5 }],
      ['layers_pattern', ['h']],
    ] as const) {
      const config = { ...spec.config, [field]: value } as AdapterSpec['config'];
      expect(() => applyAdapter(model, { ...spec, config }), field).toThrow(
        expect.objectContaining({ code: 'adapter_config', message: expect.stringContaining(field) }),
      );
    }
    const ignored = { use_qalora: false, modules_to_save: null, loftq_config: {}, megatron_core: 'megatron.core' };
    applyAdapter(model, { ...spec, config: { ...spec.config, ...ignored } }).dispose();
  });

  it('refuse targets that are no linear layers, the head included, or nothing', () => {
    const model = new Small();
    for (const [target, message] of [
      [['embed'], 'got embed, a Embedding'],
      [['q_proj'], 'matches none of'],
      ['.*(proj', 'JavaScript can read'],
      ['(.*)+x', 'no repetition inside'],
      ['.*.*.*.*.*', 'at most 4 repetitions'],
    ] as const) {
      expect(() => createAdapter(model, { target_modules: target }, { seed: 1 })).toThrow(message);
    }
  });

  it('choose layers as PEFT does', () => {
    const model = new Small();
    const chosen = (config: Parameters<typeof createAdapter>[1]) =>
      [...createAdapter(model, config, { seed: 1 }).tensors].map(([key, { shape }]) => `${key.slice(17)} ${shape}`);
    expect(chosen({ target_modules: ['proj', 'conv'] })).toEqual([
      'conv.lora_A.weight 8,32',
      'conv.lora_B.weight 32,8',
    ]);
    expect(chosen({ target_modules: 'ffn\\.(up|gate)_proj', exclude_modules: ['gate_proj'], r: 2 })).toEqual([
      'ffn.up_proj.lora_A.weight 2,32',
      'ffn.up_proj.lora_B.weight 64,2',
    ]);
    expect(
      chosen({ target_modules: 'ALL-LINEAR', exclude_modules: 'ffn.*', rank_pattern: { con: 3, conv: 5 } }),
    ).toEqual(['conv.lora_A.weight 5,32', 'conv.lora_B.weight 32,5']);
  });

  it('name tensors that are missing, unexpected or misshapen', () => {
    const model = new Small();
    const { config, tensors } = createAdapter(model, { target_modules: ['conv'] }, { seed: 1 });
    const wrong = new Map([...tensors].map(([key, t], i) => [i === 0 ? `${key}x` : key, t]));
    expect(() => applyAdapter(model, { config, tensors: wrong })).toThrow(
      expect.objectContaining({ code: 'state', message: expect.stringMatching(/missing keys.*unexpected keys/) }),
    );
    expect(model.parameters().every((p) => p.requiresGrad)).toBe(true);
  });
});
