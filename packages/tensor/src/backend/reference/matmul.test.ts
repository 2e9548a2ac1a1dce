import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { NDArray } from '../contract';
import { fromBfloat16, toBfloat16 } from '../../raw';
import { backend, normal, read, rows } from './kernels.test-support';

const plain = { transposeA: false, transposeB: false, compute: 'float32', out: 'float32' } as const;
const { kernels } = backend;

/** The textbook sum, in the order of k. */
function product(a: number[], b: number[], [m, n, k]: readonly [number, number, number]): number[] {
  const out: number[] = [];
  for (let i = 0; i < m; i++) {
    for (let j = 0; j < n; j++) {
      let sum = 0;
      for (let p = 0; p < k; p++) sum += (a[i * k + p] as number) * (b[p * n + j] as number);
      out.push(Math.fround(sum));
    }
  }
  return out;
}

const turned = (x: NDArray): NDArray => kernels.permute(x, [1, 0]);

describe('matmul', () => {
  it('is the float64 sum in the order of k, rounded once, for every extent and layout', () => {
    const extent = fc.integer({ min: 0, max: 19 });
    fc.assert(
      fc.property(extent, extent, extent, fc.boolean(), fc.boolean(), (m, n, k, transposeA, transposeB) => {
        const [a, b] = [normal([m, k], 1), normal([k, n], 2)];
        const y = kernels.matmul(transposeA ? turned(a) : a, transposeB ? turned(b) : b, {
          ...plain,
          transposeA,
          transposeB,
        });
        expect(y.shape).toEqual([m, n]);
        expect(read(y)).toEqual(product(read(a), read(b), [m, n, k]));
      }),
    );
  });

  it('crosses the column block', () => {
    const [a, b] = [normal([9, 3], 1), normal([3, 519], 2)];
    expect(read(kernels.matmul(a, b, plain))).toEqual(product(read(a), read(b), [9, 519, 3]));
  });

  it('gives a row the same bits alone and among others', () => {
    for (const transposeB of [false, true]) {
      const a = normal([13, 70], 1);
      const b = transposeB ? normal([11, 70], 2) : normal([70, 11], 2);
      const whole = read(kernels.matmul(a, b, { ...plain, transposeB }));
      for (const [from, count] of [
        [0, 1],
        [5, 1],
        [3, 4],
        [4, 9],
      ] as const) {
        const part = read(kernels.matmul(rows(a, from, count), b, { ...plain, transposeB }));
        expect(part).toEqual(whole.slice(from * 11, (from + count) * 11));
      }
    }
  });

  it('broadcasts leading axes', () => {
    const [a, b] = [normal([2, 1, 3, 4], 1), normal([5, 4, 2], 2)];
    const y = kernels.matmul(a, b, plain);
    expect(y.shape).toEqual([2, 5, 3, 2]);
    const got = read(y);
    for (let i = 0; i < 2; i++) {
      for (let j = 0; j < 5; j++) {
        const want = product(read(a).slice(i * 12, i * 12 + 12), read(b).slice(j * 8, j * 8 + 8), [3, 2, 4]);
        expect(got.slice((i * 5 + j) * 6, (i * 5 + j + 1) * 6)).toEqual(want);
      }
    }
  });

  it('rounds the operands, not the sums, in bfloat16', () => {
    const [a, b] = [normal([4, 9], 1), normal([9, 5], 2)];
    const rounded = (x: NDArray) => read(x).map((v) => fromBfloat16(toBfloat16(v)));
    const want = product(rounded(a), rounded(b), [4, 5, 9]);
    expect(read(kernels.matmul(a, b, { ...plain, compute: 'bfloat16' }))).toEqual(want);
    const narrow = [a, b].map((x) => kernels.cast(x, 'bfloat16')) as [NDArray, NDArray];
    expect(read(kernels.matmul(...narrow, plain))).toEqual(want);
    const out = kernels.matmul(...narrow, { ...plain, out: 'bfloat16' });
    expect(out.dtype).toBe('bfloat16');
    expect(read(out)).toEqual(want.map((v) => fromBfloat16(toBfloat16(v))));
  });

  it('linear is the product with the transposed weight, plus bias', () => {
    const [x, w, b] = [normal([9, 6], 1), normal([5, 6], 2), normal([5], 3)];
    const y = read(kernels.matmul(x, turned(w), plain));
    expect(read(kernels.linear(x, w, null, 'float32'))).toEqual(y);
    const bias = read(b);
    expect(read(kernels.linear(x, w, b, 'float32'))).toEqual(y.map((v, i) => Math.fround(v + (bias[i % 5] as number))));
  });
});
