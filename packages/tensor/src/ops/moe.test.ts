import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

/** What transformers 5 computes (float32, eager) with its MixtralExperts, Qwen3MoeExperts and DeepseekV3Experts. */
interface Golden {
  readonly options: t.MoeOptions;
  readonly shape: { readonly N: number; readonly C: number; readonly F: number; readonly E: number };
  readonly bias?: number[];
  readonly [array: string]: unknown;
}
const golden: Record<string, Golden> = JSON.parse(readFileSync(new URL('./moe.golden.json', import.meta.url), 'utf8'));

function close(got: ArrayLike<number>, want: readonly number[], tolerance = 1e-5): void {
  expect(got.length).toBe(want.length);
  want.forEach((w, i) => expect(Math.abs((got[i] as number) - w)).toBeLessThanOrEqual(tolerance * (1 + Math.abs(w))));
}

const bytes = (x: t.Tensor): Promise<Uint8Array> => x.bytes();

describe.each(t.availableBackends())('moe on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));
  const random = (shape: number[], seed: number) => t.normal(shape, { seed, std: 0.7 });

  /** Experts with or without gates and biases. */
  function expertsOf(e: number, c: number, f: number, gated = true, biased = false): t.MoeExperts {
    const rows = gated ? 2 * f : f;
    return {
      gateUp: random([e, rows, c], 11),
      down: random([e, c, f], 12),
      gateUpBias: biased ? random([e, rows], 13) : null,
      downBias: biased ? random([e, c], 14) : null,
    };
  }

  /** One row after the other, one expert after the other, out of ordinary ops. */
  function plainLoop(
    x: t.Tensor,
    indices: Int32Array,
    weights: t.Tensor,
    e: t.MoeExperts,
    activation: 'gelu' | 'silu',
  ) {
    const [n, c] = x.shape as [number, number];
    const k = indices.length / n;
    const [, rows, f] = [0, e.gateUp.shape[1] as number, e.down.shape[2] as number];
    const of = (w: t.Tensor, i: number) => t.reshape(t.narrow(w, { dim: 0, start: i, length: 1 }), w.shape.slice(1));
    return t.concat(
      Array.from({ length: n }, (_, r) => {
        let sum: t.Tensor = t.zeros([1, c]);
        for (let j = 0; j < k; j++) {
          const i = indices[r * k + j] as number;
          const row = t.narrow(x, { dim: 0, start: r, length: 1 });
          const bias = (w: t.Tensor | null | undefined) => (w ? { bias: of(w, i) } : {});
          const inner = t.linear(row, of(e.gateUp, i), bias(e.gateUpBias));
          const act = activation === 'silu' ? t.silu : t.geluTanh;
          const gate = act(t.narrow(inner, { dim: 1, start: 0, length: f }));
          const hidden = rows === f ? gate : t.mul(gate, t.narrow(inner, { dim: 1, start: f, length: f }));
          const weight = t.reshape(
            t.narrow(t.narrow(weights, { dim: 0, start: r, length: 1 }), { dim: 1, start: j, length: 1 }),
            [],
          );
          sum = t.add(sum, t.mul(t.linear(hidden, of(e.down, i), bias(e.downBias)), weight));
        }
        return sum;
      }),
      { dim: 0 },
    );
  }

  it.each(Object.keys(golden))('agrees with transformers, values and every gradient: %s', (name) => {
    const g = golden[name] as Golden;
    const { N, C, F, E } = g.shape;
    const values = (key: string) => g[key] as number[];
    const x = t.tensor(values('x'), { shape: [N, C] });
    const logits = t.tensor(values('logits'), { shape: [N, E] });
    const experts = {
      gateUp: t.tensor(values('gateUp'), { shape: [E, 2 * F, C] }),
      down: t.tensor(values('down'), { shape: [E, C, F] }),
    };
    const options = { ...g.options, eScoreCorrectionBias: g.bias ? t.tensor(g.bias) : null };
    const chosen = t.routeExperts(logits, options).indices.dataSync();
    const sorted = (indices: ArrayLike<number>) =>
      Array.from({ length: N }, (_, n) =>
        Array.from(indices)
          .slice((n * indices.length) / N, ((n + 1) * indices.length) / N)
          .sort(),
      );
    expect(sorted(chosen)).toEqual(sorted(values('indices')));
    const { value: ys, grads } = t.vjp(
      () => [t.moe(x, logits, experts, options)],
      [x, logits, experts.gateUp, experts.down],
      [t.tensor(values('gy'), { shape: [N, C] })],
    );
    close((ys[0] as t.Tensor).dataSync(), values('y'));
    ['gx', 'glogits', 'ggateUp', 'gdown'].forEach((key, i) => close((grads[i] as t.Tensor).dataSync(), values(key)));
  });

  it('agrees with a plain loop for any shape, with and without gates and biases', () => {
    const extent = fc.integer({ min: 1, max: 9 });
    fc.assert(
      fc.property(
        extent,
        extent,
        extent,
        fc.integer({ min: 1, max: 5 }),
        fc.boolean(),
        fc.boolean(),
        (n, c, f, e, gated, biased) => {
          t.scope(() => {
            const k = Math.min(e, 1 + (n % 3));
            const [x, logits] = [random([n, c], 1), random([n, e], 2)];
            const experts = expertsOf(e, c, f, gated, biased);
            const options = { numExpertsPerTok: k, activation: 'geluTanh' as const };
            const { indices, weights } = t.routeExperts(logits, options);
            const want = plainLoop(x, Int32Array.from(indices.dataSync()), weights, experts, 'gelu');
            close(t.moe(x, logits, experts, options).dataSync(), [...want.dataSync()], 2e-5);
          });
        },
      ),
      { numRuns: 25 },
    );
  });

  it('gradients by finite differences: x, logits, experts and biases', () => {
    // Logits far apart: a step of the difference must not change the selection.
    const logits = t.tensor([
      [0, 1, 2, 3],
      [3, 0, 2, 1],
      [1, 3, 0, 2],
    ]);
    for (const [gated, biased] of [
      [true, true],
      [false, true],
      [true, false],
    ] as const) {
      const e = expertsOf(4, 3, 2, gated, biased);
      const inputs = [random([3, 3], 3), logits, e.gateUp, e.down];
      if (e.gateUpBias && e.downBias) inputs.push(e.gateUpBias, e.downBias);
      for (const normTopkProb of [true, false]) {
        for (const scoringFunc of ['softmax', 'sigmoid'] as const) {
          checkGradients(([x, router, gateUp, down, gateUpBias, downBias]) => {
            const experts = {
              gateUp: gateUp!,
              down: down!,
              gateUpBias: gateUpBias ?? null,
              downBias: downBias ?? null,
            };
            const options = {
              numExpertsPerTok: 2,
              activation: 'silu',
              normTopkProb,
              scoringFunc,
              routedScalingFactor: 1.5,
            } as const;
            return t.moe(x!, router!, experts, options);
          }, inputs);
        }
      }
    }
  });

  it('selects with ties to the lower index, by scores plus the correction bias, within the best groups', () => {
    const indices = (rows: number[][], options: t.MoeRouting) => [
      ...t.routeExperts(t.tensor(rows), options).indices.dataSync(),
    ];
    expect(indices([[1, 1, 1, 1]], { numExpertsPerTok: 2 })).toEqual([0, 1]);
    expect(indices([[0, 2, 1, 2]], { numExpertsPerTok: 3 })).toEqual([1, 3, 2]);
    const eScoreCorrectionBias = t.tensor([0, 0, 0, 9]);
    for (const scoringFunc of ['softmax', 'sigmoid'] as const) {
      const options = { numExpertsPerTok: 2, scoringFunc, eScoreCorrectionBias };
      expect(indices([[1, 2, 3, 0]], options)).toEqual([3, 2]);
    }
    // Groups (4, -9), (3, 3), (0, 0): by their best the first leads, by their two best the second.
    const row = [[4, -9, 3, 3, 0, 0]];
    const groups = { numExpertsPerTok: 1, nGroup: 3, topkGroup: 1, scoringFunc: 'sigmoid' } as const;
    expect(indices(row, { ...groups, topkMethod: 'group_limited_greedy' })).toEqual([0]);
    expect(indices(row, groups)).toEqual([2]);
  });

  it('softmax after the selection is softmax before it, renormalised', () => {
    const logits = random([6, 8], 5);
    const { indices, weights } = t.routeExperts(logits, { numExpertsPerTok: 3 });
    const raw = t.routeExperts(logits, { numExpertsPerTok: 3, normTopkProb: false });
    expect([...raw.indices.dataSync()]).toEqual([...indices.dataSync()]);
    const total = t.sum(raw.weights, { dims: 1, keepdim: true });
    close(weights.dataSync(), [...t.div(raw.weights, total).dataSync()], 1e-6);
  });

  it('a row has the same bits alone and in a batch, forward and backward, in float32 and bfloat16', async () => {
    const [n, c, f, e] = [37, 33, 21, 6];
    const [x, logits, gy] = [random([n, c], 6), random([n, e], 7), random([n, c], 8)];
    const experts = expertsOf(e, c, f, true, true);
    for (const compute of ['float32', 'bfloat16'] as const) {
      const options = { numExpertsPerTok: 2, compute };
      const run = (from: number, length: number) => {
        const [xs, ls, gs] = [x, logits, gy].map((v) => t.clone(t.narrow(v, { dim: 0, start: from, length })));
        const r = t.vjp(() => [t.moe(xs!, ls!, experts, options)], [xs!, ls!], [gs!]);
        return [r.value[0], ...r.grads] as t.Tensor[];
      };
      const whole = run(0, n);
      for (let again = 0; again < 3; again++) {
        // Later rounds meet packed forms of the weights.
        for (const [from, length] of [
          [0, 1],
          [5, 1],
          [5, 20],
          [36, 1],
        ] as const) {
          const part = run(from, length);
          for (const [i, y] of part.entries()) {
            const want = t.narrow(whole[i] as t.Tensor, { dim: 0, start: from, length });
            expect(Buffer.compare(await bytes(y), await bytes(want))).toBe(0);
          }
        }
      }
    }
  });

  it('has the same bits for every number of threads', async () => {
    const had = t.defaultBackend().threads();
    const [n, c, f, e] = [70, 64, 96, 5];
    const [x, logits, gy] = [random([n, c], 6), random([n, e], 7), random([n, c], 8)];
    const experts = expertsOf(e, c, f, true, true);
    const inputs = [x, logits, experts.gateUp, experts.down, experts.gateUpBias!, experts.downBias!];
    const run = async (threads: number) => {
      t.setThreads(threads);
      const r = t.vjp(() => [t.moe(x, logits, experts, { numExpertsPerTok: 3 })], inputs, [gy]);
      return Promise.all([r.value[0] as t.Tensor, ...(r.grads as t.Tensor[])].map(bytes));
    };
    try {
      const [one, three] = [await run(1), await run(3)];
      one.forEach((want, i) => expect(Buffer.compare(three[i] as Uint8Array, want)).toBe(0));
    } finally {
      t.setThreads(had);
    }
  });

  it('takes empty batches, one expert, bfloat16 and float16 experts', () => {
    const experts = expertsOf(3, 4, 2);
    const empty = t.vjp(
      () => [t.moe(t.zeros([0, 4]), t.zeros([0, 3]), experts, { numExpertsPerTok: 2 })],
      [experts.gateUp],
      [t.zeros([0, 4])],
    );
    expect((empty.value[0] as t.Tensor).shape).toEqual([0, 4]);
    expect(t.max(t.abs(empty.grads[0] as t.Tensor)).dataSync()[0]).toBe(0);
    const [x, one] = [random([5, 4], 1), expertsOf(1, 4, 2)];
    const alone = t.moe(x, t.zeros([5, 1]), one, { numExpertsPerTok: 1 });
    const inner = t.linear(x, t.reshape(one.gateUp, [4, 4]));
    const gate = t.gated(
      t.narrow(inner, { dim: 1, start: 0, length: 2 }),
      t.narrow(inner, { dim: 1, start: 2, length: 2 }),
    );
    close(alone.dataSync(), [...t.linear(gate, t.reshape(one.down, [4, 2])).dataSync()]);
    const logits = random([5, 3], 2);
    for (const dtype of ['bfloat16', 'float16'] as const) {
      const narrow = { gateUp: t.cast(experts.gateUp, dtype), down: t.cast(experts.down, dtype) };
      const wide = { gateUp: t.cast(narrow.gateUp, 'float32'), down: t.cast(narrow.down, 'float32') };
      const y = t.moe(x, logits, narrow, { numExpertsPerTok: 2 });
      expect(y.dtype).toBe('float32');
      close(y.dataSync(), [...t.moe(x, logits, wide, { numExpertsPerTok: 2 }).dataSync()]);
    }
  });

  it('a row of NaN stays in its row', () => {
    const x = t.tensor([
      [1, 2],
      [Number.NaN, 1],
      [3, 4],
    ]);
    const experts = expertsOf(2, 2, 2);
    const y = t.moe(x, t.zeros([3, 2]), experts, { numExpertsPerTok: 1 }).dataSync();
    expect([...y].map(Number.isNaN)).toEqual([false, false, true, true, false, false]);
  });

  it('errors say what was expected', () => {
    const experts = expertsOf(3, 4, 2);
    const [x, logits] = [t.zeros([5, 4]), t.zeros([5, 3])];
    const options = { numExpertsPerTok: 2 };
    expect(() => t.moe(x, t.zeros([4, 3]), experts, options)).toThrow(/router logits of shape \(5, …\)/);
    expect(() => t.moe(x, t.zeros([5, 2]), experts, options)).toThrow(/down of shape \(2, 4, …\)/);
    expect(() => t.moe(x, logits, { ...experts, gateUp: t.zeros([3, 3, 4]) }, options)).toThrow(
      /\(3, 4, 4\), or \(3, 2, 4\)/,
    );
    expect(() => t.moe(x, logits, { ...experts, downBias: t.zeros([3, 3]) }, options)).toThrow(
      /downBias of shape \(3, 4\)/,
    );
    expect(() => t.moe(x, logits, experts, { numExpertsPerTok: 4 })).toThrow(/numExpertsPerTok from 1 to 3, got 4/);
    expect(() => t.moe(x, logits, experts, { ...options, nGroup: 2, topkGroup: 1 })).toThrow(/groups of two or more/);
    expect(() => t.moe(x, logits, experts, { ...options, nGroup: 3, topkGroup: 4 })).toThrow(/topkGroup from 1 to 3/);
    expect(() => t.moe(t.cast(x, 'int32'), logits, experts, options)).toThrow(/float dtype/);
  });
});
