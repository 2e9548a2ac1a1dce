import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

/** The definition, in float64. */
function naive(a: ArrayLike<number>, b: ArrayLike<number>, [m, n, k]: [number, number, number]): Float64Array {
  const y = new Float64Array(m * n);
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++)
      for (let l = 0; l < k; l++) y[i * n + j]! += (a[i * k + l] as number) * (b[l * n + j] as number);
  return y;
}

describe.each(t.availableBackends())('matrix products on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it('agree with the definition for any shape and transposes', () => {
    const extent = fc.integer({ min: 0, max: 40 });
    fc.assert(
      fc.property(extent, extent, extent, fc.boolean(), fc.boolean(), (m, n, k, transposeA, transposeB) => {
        const a = t.normal([m, k], { seed: 1 });
        const b = t.normal([k, n], { seed: 2 });
        const y = t.matmul(transposeA ? t.transpose(a) : a, transposeB ? t.transpose(b) : b, {
          transposeA,
          transposeB,
        });
        const want = naive(a.dataSync(), b.dataSync(), [m, n, k]);
        expect(y.shape).toEqual([m, n]);
        y.dataSync().forEach((v, i) => expect(Math.abs(v - want[i]!)).toBeLessThan(1e-4));
      }),
      { numRuns: 60 },
    );
  });

  it('gradients by finite differences: ranks, broadcasting, transposes', () => {
    const shapes: [number[], number[]][] = [
      [
        [3, 4],
        [4, 2],
      ],
      [[4], [4, 2]],
      [[3, 4], [4]],
      [[4], [4]],
      [
        [2, 3, 4],
        [4, 2],
      ],
      [
        [2, 3, 4],
        [2, 4, 2],
      ],
      [
        [2, 1, 3, 4],
        [3, 4, 2],
      ],
    ];
    for (const [a, b] of shapes) {
      checkGradients(([p, q]) => t.matmul(p!, q!), [t.normal(a, { seed: 1 }), t.normal(b, { seed: 2 })]);
    }
    for (const [transposeA, transposeB] of [
      [true, false],
      [false, true],
      [true, true],
    ] as const) {
      const a = t.normal(transposeA ? [4, 3] : [3, 4], { seed: 1 });
      const b = t.normal(transposeB ? [2, 4] : [4, 2], { seed: 2 });
      checkGradients(([p, q]) => t.matmul(p!, q!, { transposeA, transposeB }), [a, b]);
    }
  });

  it('linear: gradient by finite differences', () => {
    const inputs = [t.normal([2, 3, 5], { seed: 1 }), t.normal([4, 5], { seed: 2 }), t.normal([4], { seed: 3 })];
    checkGradients(([x, w, bias]) => t.linear(x!, w!, { bias: bias! }), inputs);
    const across = [t.normal([2, 3, 5], { seed: 1 }), t.normal([5, 4], { seed: 2 }), t.normal([4], { seed: 3 })];
    checkGradients(([x, w, bias]) => t.linear(x!, w!, { bias: bias!, across: true }), across);
  });

  it('a row has the same bits alone and among others, in both precisions', () => {
    for (const compute of ['float32', 'bfloat16'] as const) {
      const x = t.normal([37, 301], { seed: 1 });
      const w = t.normal([65, 301], { seed: 2 });
      const whole = t.linear(x, w, { compute }).dataSync();
      for (const row of [0, 5, 36]) {
        const alone = t.linear(t.slice(x, [{ start: row, stop: row + 1 }]), w, { compute }).dataSync();
        expect(alone).toEqual(whole.slice(row * 65, row * 65 + 65));
      }
    }
  });

  it('bfloat16 compute rounds the operands and nothing else', () => {
    const x = t.normal([5, 64], { seed: 1 });
    const w = t.normal([7, 64], { seed: 2 });
    const round = (v: t.Tensor) => t.cast(t.cast(v, 'bfloat16'), 'float32').dataSync();
    const wt = t.transpose(t.cast(t.cast(w, 'bfloat16'), 'float32')).dataSync();
    const want = naive(round(x), wt, [5, 7, 64]);
    t.linear(x, w, { compute: 'bfloat16' })
      .dataSync()
      .forEach((v, i) => expect(Math.abs(v - want[i]!)).toBeLessThan(1e-4));
  });

  it('teaches in its errors', () => {
    expect(() => t.matmul(t.ones([4, 8]), t.ones([7, 3]))).toThrow(
      '[matmul] expected (…, M, K) x (…, K, N), got (4, 8) x (7, 3)',
    );
    expect(() => t.matmul(t.ones([4, 8]), t.ones([3, 8]))).toThrow('linear()');
    expect(() => t.matmul(t.tensor(1), t.ones([1]))).toThrow('at least one axis');
    expect(() => t.linear(t.ones([2, 3]), t.ones([4, 5]))).toThrow('x of shape (…, 5)');
    expect(() => t.linear(t.ones([2, 3]), t.ones([4, 5]), { across: true })).toThrow('x of shape (…, 4)');
  });
});
