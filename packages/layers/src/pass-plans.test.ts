import {
  type Tensor,
  availableBackends,
  copyInPlace,
  isTensor,
  memory,
  noGrad,
  normal,
  parameter,
  profile,
  scope,
  setBackend,
} from '@tessera-llm/tensor';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Adapter, applyAdapter } from './adapters/adapter';
import { createAdapter } from './adapters/create';
import { type Batch, batchFromSequences } from './batch';
import { CausalLMModule, type Head } from './causal-lm';
import { Embedding } from './embedding';
import { initializer } from './init';
import { RMSNorm } from './norm';
import { beginPass, endPass, runLayers } from './pass';
import { PreNormBlock } from './pre-norm';
import { Rotary } from './rotary';

/** Two decoder blocks with rotary positions and a norm; `seen` counts how often their JavaScript runs. */
class Small extends CausalLMModule {
  readonly embed: Embedding;
  readonly layers: readonly PreNormBlock[];
  readonly norm: RMSNorm;
  readonly #rotary = new Rotary({
    parameters: { rope_type: 'default', rope_theta: 100 },
    headDim: 8,
    maxPositionEmbeddings: 9000,
  });
  seen = 0;
  constructor(dropout = 0) {
    super({ vocabSize: 30, positionLimit: 9000, layers: 2, numKeyValueHeads: 2, headDim: 8, compute: 'float32' });
    const init = initializer({ seed: 5, std: 0.4 });
    this.embed = new Embedding(30, 32, { init });
    this.layers = [0, 1].map(
      (layer) =>
        new PreNormBlock({
          attention: { init, layer, width: 32, numHeads: 4, numKeyValueHeads: 2, dropout },
          feedForward: { init, width: 32, innerWidth: 48 },
          eps: 1e-6,
        }),
    );
    this.norm = new RMSNorm(32, { init, eps: 1e-6 });
  }
  get head(): Head {
    return { weight: this.embed.weight };
  }
  hidden(batch: Batch): Tensor {
    return scope(() => {
      const x = this.embed.forward(batch.ids);
      const pass = beginPass(batch, { backend: x.backend, rotary: this.#rotary });
      const forward = (layer: PreNormBlock, h: Tensor, p: typeof pass): Tensor => {
        this.seen++;
        return layer.forward(h, p);
      };
      const y = runLayers(pass, x, this.layers, forward, { plan: true, last: (h) => this.norm.forward(h) });
      endPass(pass);
      return y;
    });
  }
}

const textOf = (n: number, seed: number): number[] => Array.from({ length: n }, (_, i) => (i * 7 + seed * 11) % 30);

interface Steps {
  readonly texts: readonly number[][];
  /** Tokens of each prompt. */
  readonly first: number;
  /** Runs before a step; what it gives goes into the batch. */
  readonly before?: (step: number) => Partial<Batch> | undefined;
  /** Watching the kernels keeps plans out. */
  readonly watched?: boolean;
}

/** Hidden states of every step of texts that come token by token after a prompt. */
function decoded(model: Small, { texts, first, before, watched = false }: Steps): Float32Array[] {
  const length = texts[0]?.length ?? 0;
  const cache = model.createCache(texts.length * 64 * Math.ceil(length / 64));
  const slots = Int32Array.from(texts, () => cache.allocate(length));
  const feed = (from: number, to: number, extras: Partial<Batch> = {}): Float32Array => {
    const parts = texts.map((text) => text.slice(from, to));
    const batch = batchFromSequences(parts, { cache: { store: cache, slots }, ...extras });
    const run = (): Tensor => noGrad(() => model.hidden(batch));
    const y = watched ? profile(run).result : run();
    const values = Float32Array.from(y.dataSync());
    y.dispose();
    return values;
  };
  const rng = { seed: 1, step: 0, sampleIds: Int32Array.from(texts, (_, i) => i) };
  feed(0, first, { rng, ...before?.(-1) });
  const steps = Array.from({ length: length - first }, (_, i) =>
    feed(first + i, first + i + 1, { rng, ...before?.(i) }),
  );
  cache.dispose();
  return steps;
}

/** The same from whole texts, without a cache. */
function whole(model: Small, texts: readonly number[][], first: number): Float32Array[] {
  const parts = texts.map((text) =>
    Float32Array.from(scope(() => model.hidden(batchFromSequences([text]))).dataSync()),
  );
  const width = 32;
  return Array.from({ length: (texts[0]?.length ?? 0) - first }, (_, i) => {
    const rows = parts.map((part) => [...part.subarray((first + i) * width, (first + i + 1) * width)]);
    return Float32Array.from(rows.flat());
  });
}

describe.each(availableBackends())('decoding steps on %s', (backend) => {
  beforeEach(() => setBackend(backend));
  afterEach(() => setBackend(availableBackends()[0] ?? 'reference'));
  const plans = backend === 'native';

  it('have the bits of the whole text, from a plan after the first', () => {
    const model = new Small();
    for (const texts of [[textOf(75, 1)], [textOf(70, 2), textOf(70, 3), textOf(70, 4)]]) {
      const want = whole(model, texts, 3);
      model.seen = 0;
      expect(decoded(model, { texts, first: 3 })).toEqual(want);
      // Two layers, for the prompt and for the step that is recorded.
      if (plans) expect(model.seen).toBe(4);
    }
  });

  it.skipIf(!plans)('go on when the list of pages outgrows its room (skipped without plans: 20 s there)', () => {
    const model = new Small();
    const texts = [textOf(64 * 64 + 4, 1)];
    const got = decoded(model, { texts, first: 64 * 64 - 3 });
    expect(model.seen).toBe(6);
    expect(got).toEqual(whole(model, texts, 64 * 64 - 3));
  });

  it('follow weights that change, adapters that come and go, and what a batch asks for', () => {
    const run = (watched: boolean): Float32Array[] => {
      const model = new Small();
      const specs = [1, 2].map((seed) => createAdapter(model, { target_modules: 'all-linear', r: 2 }, { seed }));
      specs.forEach(({ tensors }, i) => {
        for (const [key, t] of tensors)
          if (key.includes('lora_B')) copyInPlace(t, normal(t.shape, { seed: i, std: 0.3 }));
      });
      const adapters: Adapter[] = [];
      const apply = (i: number): void => {
        const spec = specs[i];
        if (spec !== undefined) adapters.push(applyAdapter(model, spec));
      };
      const { weight } = model.layers[0]?.mlp.up_proj ?? {};
      const changes: Readonly<Record<number, () => unknown>> = {
        2: () => isTensor(weight) && copyInPlace(weight, normal(weight.shape, { seed: 8 })),
        3: () => copyInPlace(model.norm.weight, normal([32], { seed: 7 })),
        4: () => model.setWeight('layers.1.self_attn.q_proj.weight', parameter(normal([32, 32], { seed: 9 }))),
        6: () => apply(0),
        8: () => adapters[0]?.merge(),
        10: () => adapters[0]?.unmerge(),
        12: () => apply(1),
        15: () => adapters[1]?.dispose(),
        17: () => adapters[0]?.dispose(),
      };
      const wishes: Readonly<Record<number, Partial<Batch>>> = {
        12: { adapters: Int32Array.of(1, 1) },
        13: { adapters: Int32Array.of(1, 0) },
        14: { adapters: Int32Array.of(-1, -1) },
        18: { capture: { hiddenStates: [] } },
      };
      return decoded(model, {
        texts: [textOf(24, 5), textOf(24, 6)],
        first: 2,
        watched,
        before: (step) => {
          changes[step]?.();
          return wishes[step];
        },
      });
    };
    const [got, want] = [run(false), run(true)];
    expect(got).toEqual(want);
    // Every change is seen: no step repeats one before it.
    expect(new Set(got.map((step) => step.join())).size).toBe(22);
  });

  it('draw dropout anew in training', () => {
    const steps = { texts: [textOf(8, 1)], first: 2 };
    const run = (watched: boolean) => decoded(new Small(0.5).train(), { ...steps, watched });
    expect(run(false)).toEqual(run(true));
  });

  it('give their memory back with the cache', () => {
    const model = new Small();
    const run = () => decoded(model, { texts: [textOf(8, 1), textOf(8, 2)], first: 3 });
    run();
    const before = memory().liveBytes;
    run();
    expect(memory().liveBytes).toBe(before);
    model.dispose();
  });
});
