import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DType } from '../../dtype';
import { array, backend, indicesOf, placeOf, read } from './kernels.test-support';

const { broadcastTo, concat, pad, permute, slice, sliceScatter } = backend.kernels;
const dtypes: readonly DType[] = ['float32', 'bfloat16', 'float16', 'int32', 'uint8'];
const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 1, maxLength: 4 });
const counting = (shape: readonly number[], dtype: DType = 'float32') =>
  array(
    indicesOf(shape).map((_, i) => i % 200),
    shape,
    dtype,
  );

describe('moving elements', () => {
  it('permute puts element i at its permuted index', () => {
    fc.assert(
      fc.property(shapes, fc.array(fc.double({ noNaN: true }), { minLength: 4, maxLength: 4 }), (shape, keys) => {
        const axes = shape.map((_, i) => i).sort((a, b) => (keys[a] as number) - (keys[b] as number));
        const to = axes.map((a) => shape[a] as number);
        for (const dtype of dtypes) {
          const x = counting(shape, dtype);
          const values = read(x);
          const want = indicesOf(to).map((index) => {
            const from = shape.map((_, axis) => index[axes.indexOf(axis)] as number);
            return values[placeOf(from, shape)];
          });
          expect(read(permute(x, axes))).toEqual(want);
        }
      }),
    );
  });

  it('slice and sliceScatter are each other’s transpose, with any steps', () => {
    fc.assert(
      fc.property(
        shapes,
        fc.array(fc.tuple(fc.nat(3), fc.constantFrom(1, 2, -1, -2)), { minLength: 4, maxLength: 4 }),
        (shape, cuts) => {
          const starts = shape.map((n, i) => Math.min((cuts[i] as [number, number])[0], Math.max(0, n - 1)));
          const steps = shape.map((_, i) => (cuts[i] as [number, number])[1]);
          const to = shape.map((n, i) => {
            const [start, step] = [starts[i] as number, steps[i] as number];
            return n === 0 ? 0 : Math.floor(step > 0 ? (n - 1 - start) / step : start / -step) + 1;
          });
          const x = counting(shape);
          const values = read(x);
          const places = indicesOf(to).map((index) =>
            placeOf(
              index.map((i, axis) => (starts[axis] as number) + i * (steps[axis] as number)),
              shape,
            ),
          );
          const y = slice(x, starts, steps, to);
          expect(read(y)).toEqual(places.map((p) => values[p]));
          const back = values.map((v, p) => (places.includes(p) ? v : 0));
          expect(read(sliceScatter(y, starts, steps, shape))).toEqual(back);
        },
      ),
    );
  });

  it('broadcastTo repeats', () => {
    expect(read(broadcastTo(array([1, 2], [2, 1]), [2, 2, 3]))).toEqual([1, 1, 1, 2, 2, 2, 1, 1, 1, 2, 2, 2]);
    expect(broadcastTo(array([1], [1]), [0]).shape).toEqual([0]);
  });

  it('pad surrounds with a value of the dtype', () => {
    for (const dtype of dtypes) {
      expect(read(pad(array([1, 2], [1, 2], dtype), [1, 0], [0, 1], 7))).toEqual([7, 7, 7, 1, 2, 7]);
    }
    expect(read(pad(array([], [0, 1]), [1, 0], [0, 0], -1))).toEqual([-1]);
  });

  it('concat along any axis, with empty parts', () => {
    const [a, b] = [array([1, 2, 3, 4], [2, 2]), array([5, 6], [2, 1])];
    expect(read(concat([a, b, array([], [2, 0])], 1))).toEqual([1, 2, 5, 3, 4, 6]);
    expect(read(concat([a, a], 0))).toEqual([1, 2, 3, 4, 1, 2, 3, 4]);
  });

  it('keeps the bits of every float, NaN payloads aside', () => {
    const bits = Uint8Array.from([0x01, 0x00, 0x80, 0x7f, 0xff, 0xff, 0x00, 0x80]);
    const x = { block: backend.upload(bits), offset: 0, shape: [2, 2], dtype: 'bfloat16' } as const;
    const y = permute(permute(x, [1, 0]), [1, 0]);
    expect([...backend.readSync(y.block, 0, 8)]).toEqual([...bits]);
  });
});
