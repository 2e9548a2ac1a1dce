import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

const inputs = (n: number, k: number, m: number, r: number) =>
  [
    t.normal([n, m], { seed: 1 }),
    t.normal([n, k], { seed: 2 }),
    t.normal([r, k], { seed: 3, std: 0.3 }),
    t.normal([m, r], { seed: 4, std: 0.3 }),
  ] as const;

/** The definition through the whole matrix W = s B A, in float64. */
function definition(n: number, k: number, m: number, r: number, scale: number): Float64Array {
  const [y, x, a, b] = inputs(n, k, m, r).map((v) => v.dataSync()) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const out = Float64Array.from(y);
  for (let j = 0; j < m; j++) {
    for (let l = 0; l < k; l++) {
      let w = 0;
      for (let q = 0; q < r; q++) w += (b[j * r + q] as number) * (a[q * k + l] as number);
      for (let i = 0; i < n; i++) out[i * m + j] = (out[i * m + j] as number) + scale * w * (x[i * k + l] as number);
    }
  }
  return out;
}

describe.each(t.availableBackends())('addLowRank on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it('is y + s x (B A)ᵀ for odd and size-1 shapes, and leaves y alone', () => {
    for (const [n, k, m, r] of [
      [37, 65, 33, 5],
      [1, 1, 1, 1],
      [130, 40, 90, 16],
      [3, 70, 2, 20],
    ] as const) {
      const [y, x, a, b] = inputs(n, k, m, r);
      const kept = y.dataSync();
      const want = definition(n, k, m, r, -0.7);
      const got = t.addLowRank(y, x, { a, b, scale: -0.7 }).dataSync();
      got.forEach((v, i) => expect(Math.abs(v - (want[i] as number))).toBeLessThan(2e-5));
      expect(y.dataSync()).toEqual(kept);
    }
    const [y, x, a, b] = inputs(0, 4, 3, 2);
    expect(t.addLowRank(y, x, { a, b }).shape).toEqual([0, 3]);
  });

  it('gradients by finite differences, alone and together', () => {
    const run = ([y, x, a, b]: readonly t.Tensor[]) => t.addLowRank(y!, x!, { a: a!, b: b!, scale: 1.5 });
    checkGradients(run, inputs(5, 7, 6, 3));
    for (const wrt of [[0], [1], [2], [3]]) checkGradients(run, inputs(4, 5, 3, 2), { wrt });
  });

  it('a row has the same bits alone and among others', () => {
    for (const rank of [8, 16, 21]) {
      const [y, x, a, b] = inputs(67, 130, 70, rank);
      const whole = t.addLowRank(y, x, { a, b, scale: 2 }).dataSync();
      for (const [start, stop] of [
        [0, 1],
        [33, 35],
        [66, 67],
      ] as const) {
        const part = (v: t.Tensor) => t.slice(v, [{ start, stop }]);
        const got = t.addLowRank(part(y), part(x), { a, b, scale: 2 }).dataSync();
        expect(got).toEqual(whole.slice(start * 70, stop * 70));
      }
    }
  });

  it('gives the same bits for every number of threads', () => {
    const [y, x, a, b] = inputs(300, 90, 70, 16);
    const threads = t.defaultBackend().threads();
    const run = (count: number) => {
      t.setThreads(count);
      const { value, grads } = t.vjp(() => [t.addLowRank(y, x, { a, b, scale: 2 })], [x, a, b], [y]);
      return [...value, ...grads].map((v) => v.dataSync());
    };
    try {
      expect(run(3)).toEqual(run(1));
    } finally {
      t.setThreads(threads);
    }
  });

  it('teaches in its errors', () => {
    const [y, x, a, b] = inputs(4, 5, 3, 2);
    expect(() => t.addLowRank(x, x, { a, b })).toThrow('y of shape (4, 3)');
    expect(() => t.addLowRank(y, x, { a: b, b })).toThrow('[addLowRank] expected a of shape (…, 5)');
    expect(() => t.addLowRank(y, x, { a, b, scale: Number.NaN })).toThrow('finite scale');
  });
});
