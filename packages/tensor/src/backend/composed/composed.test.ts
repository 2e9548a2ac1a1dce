import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TensorError } from '../../errors';
import type { AttentionAttrs, Compute, CrossEntropyAttrs, FusedKernels, GateFn, NDArray } from '../contract';
import { array, backend, normal, read } from '../reference/kernels.test-support';
import { composedKernels } from './index';

// The reference backend's fused kernels are loops of their own over float64 sums; the composed ones share only its
// primitives, so agreement is agreement of two programs.
const direct: FusedKernels = backend.kernels;
const fused = composedKernels(backend.kernels, backend);

type Float = 'bfloat16' | 'float16' | 'float32';
const floats: readonly Float[] = ['float32', 'bfloat16', 'float16'];

const i32 = (values: readonly number[]): NDArray => array(values, [values.length], 'int32');

/** Rounding step of each dtype, relative: what two correct programs may differ by, with room for float32 sums. */
const slack: Record<Float, number> = { float32: 1e-5, float16: 2e-3, bfloat16: 2e-2 };

function same(got: NDArray | null, want: NDArray | null, tolerance?: number): void {
  if (got === null || want === null) return expect(got).toBe(want);
  expect(got.shape).toEqual(want.shape);
  expect(got.dtype).toBe(want.dtype);
  const near = tolerance ?? slack[want.dtype as Float];
  const values = read(want);
  read(got).forEach((v, i) => {
    const w = values[i] as number;
    if (Number.isFinite(w)) expect(Math.abs(v - w)).toBeLessThanOrEqual(near * (1 + Math.abs(w)));
    else expect(v).toBe(w);
  });
}

/** Both tables' results of one call, field by field. */
function agree(call: (k: FusedKernels) => { readonly [name: string]: NDArray | null }, tolerance?: number): void {
  const want = call(direct);
  const got = call(fused);
  expect(Object.keys(got).sort()).toEqual(Object.keys(want).sort());
  for (const name of Object.keys(want)) same(got[name] ?? null, want[name] ?? null, tolerance);
}

const only = (y: NDArray) => ({ y });
const shapes = [
  [3, 7],
  [1, 1],
  [5, 1],
  [1, 33],
  [0, 4],
  [2, 3, 5],
] as const;

describe('rows', () => {
  it.each(floats)('softmax and its kin, %s', (dtype) => {
    for (const shape of shapes) {
      const [x, g] = [normal(shape, 1, dtype), normal(shape, 2, dtype)];
      agree((k) => only(k.softmax(x)));
      agree((k) => only(k.logSoftmax(x)));
      agree((k) => only(k.logSumExp(x)));
      const [y, log] = [direct.softmax(x), direct.logSoftmax(x)];
      agree((k) => only(k.softmaxGrad(y, g)));
      agree((k) => only(k.logSoftmaxGrad(log, g)));
    }
  });

  it('a row of -Infinity, and one with some', () => {
    const off = Number.NEGATIVE_INFINITY;
    const x = array([off, off, off, 1, off, 2], [2, 3]);
    expect(read(fused.softmax(x)).slice(0, 3)).toEqual([0, 0, 0]);
    expect(read(fused.logSoftmax(x)).slice(0, 3)).toEqual([off, off, off]);
    expect(read(fused.logSumExp(x))[0]).toBe(off);
    agree((k) => ({ a: k.softmax(x), b: k.logSoftmax(x), c: k.logSumExp(x) }));
    const high = array([-off, 1, -off, -off, -off, off, Number.NaN, -off, Number.NaN, off], [5, 2]);
    expect(read(fused.logSumExp(high))).toEqual([-off, -off, -off, Number.NaN, Number.NaN]);
    agree((k) => ({ c: k.logSumExp(high) }));
  });

  it('layerNorm and rmsNorm, with and without weight and bias', () => {
    for (const [n, c] of [
      [4, 6],
      [1, 1],
      [0, 3],
      [3, 17],
    ] as const) {
      const [x, g, w, b] = [normal([n, c], 3), normal([n, c], 4), normal([c], 5), normal([c], 6)];
      for (const weight of [w, null]) {
        for (const bias of [b, null]) agree((k) => k.layerNorm(x, weight, bias, 1e-5));
        const { mean, rstd } = direct.layerNorm(x, weight, null, 1e-5);
        const wants = { weight: weight !== null, bias: true };
        // One column: the normalised value is 0/√eps, whose rounding 1/√eps enlarges.
        const tolerance = c === 1 ? 1e-3 : 2e-5;
        agree((k) => k.layerNormGrad(x, weight, mean, rstd, g, wants), tolerance);
        for (const offset of [0, 1]) {
          agree((k) => k.rmsNorm(x, weight, 1e-6, offset));
          const root = direct.rmsNorm(x, weight, 1e-6, offset).rstd;
          agree((k) => k.rmsNormGrad(x, weight, root, g, offset, weight !== null), 2e-5);
        }
      }
    }
  });
});

describe('transformer', () => {
  it('lowRank and its gradients', () => {
    for (const [n, k, m, r] of [
      [5, 7, 3, 2],
      [1, 1, 1, 1],
      [0, 4, 2, 3],
      [9, 2, 6, 5],
    ] as const) {
      const [y, x, g] = [normal([n, m], 1), normal([n, k], 2), normal([n, m], 3)];
      const factors = { a: normal([r, k], 4), b: normal([m, r], 5), scale: 0.5 };
      agree((t) => t.lowRank(y, x, factors));
      const { h } = direct.lowRank(y, x, factors);
      agree((t) => t.lowRankGrad(x, factors, h, g, { x: true, a: true, b: true }));
      agree((t) => t.lowRankGrad(x, factors, h, g, { x: false, a: true, b: false }));
    }
  });

  it.each(['float32', 'bfloat16'] as const)('linear in %s', (compute) => {
    for (const [n, k, m] of [
      [5, 7, 3],
      [1, 1, 1],
      [0, 4, 2],
      [9, 0, 2],
    ] as const) {
      const [x, w, b] = [normal([n, k], 1), normal([m, k], 2), normal([m], 3)];
      for (const bias of [b, null]) agree((t) => only(t.linear(x, w, bias, compute)));
      agree((t) => only(t.linear(x, normal([k, m], 4), b, compute, true)));
    }
  });

  it('rope, both layouts, partial and inverse', () => {
    for (const interleaved of [false, true]) {
      for (const [width, half] of [
        [8, 4],
        [8, 3],
        [2, 1],
      ] as const) {
        const x = normal([3, 2, width], 1);
        const angles = normal([3, half], 2);
        const [cos, sin] = [backend.kernels.unary('cos', angles), backend.kernels.unary('sin', angles)];
        for (const inverse of [false, true]) agree((k) => only(k.rope(x, cos, sin, interleaved, inverse)));
        const there = fused.rope(x, cos, sin, interleaved, false);
        same(fused.rope(there, cos, sin, interleaved, true), x);
      }
    }
  });

  it('every gate', () => {
    const gates: readonly GateFn[] = [
      'geluErf',
      'geluTanh',
      'relu',
      'relu2',
      'sigmoid',
      'silu',
      'identity',
      'quickGelu',
    ];
    for (const fn of gates) {
      for (const dtype of floats) {
        const [gate, up, g] = [1, 2, 3].map((seed) => normal([4, 5], seed, dtype)) as [NDArray, NDArray, NDArray];
        agree((k) => only(k.gated(fn, gate, up)));
        agree((k) => k.gatedGrad(fn, gate, up, g), 2 * slack[dtype]);
      }
    }
  });
});

/** Documents of any length, each in pages of 64 rows laid out backwards, queries at the end of their keys. */
function pagedLayout(segments: readonly { queries: number; keys: number }[]): {
  layout: AttentionAttrs['layout'];
  queries: number;
  rows: number;
} {
  const queryOffsets = [0];
  const pageOffsets = [0];
  for (const { queries, keys } of segments) {
    queryOffsets.push((queryOffsets.at(-1) as number) + queries);
    pageOffsets.push((pageOffsets.at(-1) as number) + Math.ceil(keys / 64));
  }
  const pages = pageOffsets.at(-1) as number;
  const layout = {
    queryOffsets: Int32Array.from(queryOffsets),
    queryStarts: Int32Array.from(segments, (s) => s.keys - s.queries),
    keyLengths: Int32Array.from(segments, (s) => s.keys),
    pageOffsets: Int32Array.from(pageOffsets),
    pageRows: Int32Array.from({ length: pages }, (_, i) => 64 * (pages - 1 - i)),
    pageSize: 64,
  };
  return { layout, queries: queryOffsets.at(-1) as number, rows: 64 * pages };
}

describe('attention', () => {
  const settings = fc.record({
    segments: fc.array(
      fc.record({ queries: fc.nat(5), extra: fc.nat(70) }).map(({ queries, extra }) => ({
        queries,
        keys: queries + extra,
      })),
      { maxLength: 3 },
    ),
    groups: fc.integer({ min: 1, max: 3 }),
    keyHeads: fc.integer({ min: 1, max: 2 }),
    width: fc.integer({ min: 1, max: 5 }),
    causal: fc.boolean(),
    window: fc.option(fc.integer({ min: 1, max: 9 })),
    softcap: fc.option(fc.constantFrom(0.5, 3)),
    sinks: fc.boolean(),
  });

  function check(p: typeof settings extends fc.Arbitrary<infer T> ? T : never, compute: Compute, near: number): void {
    const { layout, queries, rows } = pagedLayout(p.segments);
    const heads = p.groups * p.keyHeads;
    const q = normal([queries, heads, p.width], 1);
    const [k, v] = [normal([rows, p.keyHeads, p.width], 2), normal([rows, p.keyHeads, p.width], 3)];
    const g = normal(q.shape, 4);
    const sinks = p.sinks ? normal([heads], 5) : null;
    const { causal, window, softcap } = p;
    const attrs: AttentionAttrs = { layout, causal, window, softcap, scale: 0.7, compute };
    agree((t) => t.attention(q, k, v, sinks, attrs), near);
    const { y, lse } = direct.attention(q, k, v, sinks, attrs);
    agree((t) => t.attentionGrad(q, k, v, sinks, y, lse, g, attrs), near);
  }

  it('agrees for any ragged, paged batch and any mask', () => {
    fc.assert(
      fc.property(settings, (p) => check(p, 'float32', 5e-5)),
      { numRuns: 60 },
    );
  });

  it('rounds its operands in bfloat16', () => {
    fc.assert(
      fc.property(settings, (p) => check(p, 'bfloat16', 1e-2)),
      { numRuns: 20 },
    );
  });

  it('adds up the gradients of rows that two documents share', () => {
    const page = {
      keyLengths: Int32Array.of(2, 2),
      pageOffsets: Int32Array.of(0, 1, 2),
      pageRows: Int32Array.of(0, 0),
    };
    const layout = { queryOffsets: Int32Array.of(0, 1, 2), queryStarts: Int32Array.of(1, 1), pageSize: 64, ...page };
    const [q, g] = [normal([2, 1, 3], 1), normal([2, 1, 3], 2)];
    const [k, v] = [normal([2, 1, 3], 3), normal([2, 1, 3], 4)];
    const attrs = { layout, causal: true, window: null, softcap: null, scale: 1, compute: 'float32' } as const;
    const { y, lse } = direct.attention(q, k, v, null, attrs);
    agree((t) => t.attentionGrad(q, k, v, null, y, lse, g, attrs));
  });
});

describe('cross-entropy', () => {
  const variants: readonly Partial<CrossEntropyAttrs>[] = [
    {},
    { labelSmoothing: 0.1 },
    { scale: 0.5, softcap: 2, temperature: 0.7 },
    { softcap: 30, labelSmoothing: 0.3, temperature: 1.5 },
  ];
  const attrsOf = (v: Partial<CrossEntropyAttrs>): CrossEntropyAttrs => ({
    ignoreIndex: -100,
    labelSmoothing: 0,
    scale: 1,
    softcap: null,
    temperature: 1,
    ...v,
  });

  it('losses and gradients of logits', () => {
    const targets = i32([2, -100, 0, 6]);
    const [logits, g] = [normal([4, 7], 1), normal([4], 2)];
    for (const attrs of variants.map(attrsOf)) {
      agree((k) => k.crossEntropy(logits, targets, attrs));
      const { lse } = direct.crossEntropy(logits, targets, attrs);
      agree((k) => only(k.crossEntropyGrad(logits, targets, lse, g, attrs)));
    }
  });

  it.each(['float32', 'bfloat16'] as const)('losses and gradients through a projection in %s', (compute) => {
    for (const rows of [0, 1, 65]) {
      const targets = i32(Array.from({ length: rows }, (_, i) => (i % 5 === 4 ? -100 : (3 * i) % 11)));
      const [hidden, weight, bias, g] = [normal([rows, 6], 1), normal([11, 6], 2), normal([11], 3), normal([rows], 4)];
      for (const attrs of variants.map(attrsOf)) {
        agree((k) => k.linearCrossEntropy(hidden, weight, bias, targets, compute, attrs), 1e-4);
        const { lse } = direct.linearCrossEntropy(hidden, weight, bias, targets, compute, attrs);
        for (const on of [true, false]) {
          const wants = { hidden: on, weight: !on, bias: on };
          // A logit's gradient near a rounding boundary of bfloat16 may round either way.
          const near = compute === 'float32' ? 2e-4 : 2e-2;
          agree((k) => k.linearCrossEntropyGrad(hidden, weight, bias, targets, lse, g, compute, attrs, wants), near);
          agree((k) => k.linearCrossEntropyBoth(hidden, weight, bias, targets, compute, attrs, wants), near);
        }
      }
    }
  });

  it('refuses a target outside the classes', () => {
    const call = () => fused.crossEntropy(normal([1, 3], 1), i32([3]), attrsOf({}));
    expect(call).toThrow(TensorError);
    expect(call).toThrow(/from 0 to 2/);
  });
});

describe('training', () => {
  it('drops exactly the elements that the direct kernel drops', () => {
    for (const dtype of floats) {
      const x = normal([3, 7], 1, dtype);
      const attrs = { p: 0.4, seed: [5, 6], stream: 9, rowKeys: Int32Array.of(0, 1, 2, 3, -1, 5) } as const;
      agree((k) => only(k.dropout(x, attrs)));
    }
  });

  it('AdamW in all its forms, several steps', () => {
    for (const decoupled of [true, false]) {
      for (const amsgrad of [true, false]) {
        const states = [direct, fused].map((k) => {
          const zero = () => array(new Array<number>(9).fill(0));
          const [p, m, v, maxV] = [normal([9], 1), zero(), zero(), zero()];
          for (let step = 1; step <= 3; step++) {
            // Gradients shrink a hundredfold by the last step, so that the largest second moment is an old one.
            const grad = backend.kernels.binary('mul', normal([9], 10 + step), array([step === 3 ? 0.01 : 1], []));
            const factor = step === 2 ? array([0.5], []) : null;
            const attrs = { lr: 0.01, beta1: 0.9, beta2: 0.5, eps: 1e-8, weightDecay: 0.1, decoupled, step };
            k.adamwInPlace(p, grad, m, v, amsgrad ? maxV : null, factor, attrs);
          }
          return [p, m, v, maxV];
        });
        states[0]?.forEach((want, i) => {
          same((states[1] as NDArray[])[i] as NDArray, want);
        });
      }
    }
  });

  it('the sum of squares of several arrays, of none and of scalars', () => {
    const xs = [normal([3, 2], 1), normal([], 2), normal([0], 3), normal([5], 4, 'bfloat16')];
    agree((k) => only(k.sumSquares(xs)));
    expect(read(fused.sumSquares([]))).toEqual([0]);
  });
});

describe('memory', () => {
  const call = () => {
    const q = normal([3, 2, 4], 1);
    const { layout } = pagedLayout([{ queries: 3, keys: 3 }]);
    const k = normal([64, 1, 4], 2);
    const attrs = { layout, causal: true, window: null, softcap: null, scale: 1, compute: 'float32' } as const;
    return { q, k, run: () => fused.attention(q, k, k, null, attrs) };
  };

  it('keeps only results alive', () => {
    const { run } = call();
    const before = backend.memory().liveBytes;
    const { y, lse } = run();
    expect(backend.memory().liveBytes - before).toBe(4 * (3 * 2 * 4 + 3 * 2));
    backend.free(y.block);
    backend.free(lse.block);
    expect(backend.memory().liveBytes).toBe(before);
  });

  it('frees what was made when a step throws', () => {
    const [logits, targets] = [normal([1, 3], 1), i32([7])];
    const before = backend.memory().liveBytes;
    const attrs = { ignoreIndex: -1, labelSmoothing: 0, scale: 1, softcap: null, temperature: 1 };
    expect(() => fused.crossEntropy(logits, targets, attrs)).toThrow(/indices/);
    expect(backend.memory().liveBytes).toBe(before);
  });

  it('leaves its operands as they were', () => {
    const { q, k, run } = call();
    const before = [read(q), read(k)];
    run();
    expect([read(q), read(k)]).toEqual(before);
  });
});

describe('mixture of experts', () => {
  it('values and every gradient, gated or not, with and without biases', () => {
    for (const [gated, biased] of [
      [true, true],
      [false, true],
      [true, false],
    ] as const) {
      const [n, k, e, c, f] = [5, 2, 4, 3, 6];
      const rows = gated ? 2 * f : f;
      const experts = {
        gateUp: normal([e, rows, c], 1),
        gateUpBias: biased ? normal([e, rows], 2) : null,
        down: normal([e, c, f], 3),
        downBias: biased ? normal([e, c], 4) : null,
      };
      // Expert 1 gets no row; the second row names its experts in descending order.
      const index = array([0, 2, 3, 0, 2, 3, 3, 2, 0, 3], [n, k], 'int32');
      const [x, weights, gy] = [normal([n, c], 5), normal([n, k], 6), normal([n, c], 7)];
      const wants = { x: true, weights: true, gateUp: true, gateUpBias: true, down: true, downBias: true };
      for (const activation of ['silu', 'identity'] as const) {
        for (const compute of ['float32', 'bfloat16'] as const) {
          const attrs = { activation, compute };
          const near = compute === 'bfloat16' ? 5e-2 : 1e-4;
          agree((table) => only(table.moe(x, index, weights, experts, attrs).y), near);
          agree((table) => {
            const { inner } = table.moe(x, index, weights, experts, attrs);
            return table.moeGrad(x, index, weights, experts, inner, gy, attrs, wants);
          }, near);
        }
      }
    }
  });

  it('an index beyond the experts is refused', () => {
    const experts = { gateUp: normal([2, 4, 3], 1), gateUpBias: null, down: normal([2, 3, 2], 2), downBias: null };
    const index = array([0, 2], [1, 2], 'int32');
    const call = (k: FusedKernels) =>
      k.moe(normal([1, 3], 3), index, normal([1, 2], 4), experts, { activation: 'silu', compute: 'float32' });
    for (const k of [fused, direct]) expect(() => call(k)).toThrow(/from 0 to 1, got 2/);
  });
});
