import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { array, backend, indicesOf, normal, placeOf, read } from './kernels.test-support';

const { reduce, argReduce, cumsum } = backend.kernels;
const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });

describe('reduce', () => {
  const folds = {
    max: (v: number[]) => v.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY),
    min: (v: number[]) => v.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY),
    prod: (v: number[]) => v.reduce((a, b) => a * b, 1),
    sum: (v: number[]) => v.reduce((a, b) => a + b, 0),
  };

  it('folds the elements of the reduced axes in order, in float64, rounded once', () => {
    fc.assert(
      fc.property(shapes, fc.array(fc.boolean(), { minLength: 4, maxLength: 4 }), (shape, chosen) => {
        const axes = shape.map((_, i) => i).filter((i) => chosen[i]);
        const x = normal(shape, 1);
        const values = read(x);
        const kept = shape.filter((_, i) => !axes.includes(i));
        const groups = indicesOf(kept).map((): number[] => []);
        for (const index of indicesOf(shape)) {
          const group = groups[
            placeOf(
              index.filter((_, i) => !axes.includes(i)),
              kept,
            )
          ] as number[];
          group.push(values[placeOf(index, shape)] as number);
        }
        for (const fn of ['max', 'min', 'prod', 'sum'] as const) {
          const y = reduce(fn, x, axes);
          expect(y.shape).toEqual(kept);
          expect(read(y)).toEqual(groups.map((g) => Math.fround(folds[fn](g))));
        }
      }),
    );
  });

  it('any and all of bool, also of nothing', () => {
    const x = array([1, 0, 1, 1, 0, 0], [3, 2], 'bool');
    expect(read(reduce('any', x, [1]))).toEqual([1, 1, 0]);
    expect(read(reduce('all', x, [1]))).toEqual([0, 1, 0]);
    const none = array([], [0], 'bool');
    expect([...read(reduce('any', none, [0])), ...read(reduce('all', none, [0]))]).toEqual([0, 1]);
  });

  it('NaN passes through max, min and sum; int32 sums exactly', () => {
    const x = array([1, Number.NaN, 3]);
    for (const fn of ['max', 'min', 'sum'] as const) expect(read(reduce(fn, x, [0]))).toEqual([Number.NaN]);
    expect(read(reduce('sum', array([2 ** 30, 2 ** 30 - 1, 7], [3], 'int32'), [0]))).toEqual([-2147483642]);
  });
});

describe('argReduce', () => {
  it('takes the first of equals, and the first NaN', () => {
    expect(read(argReduce('max', array([1, 3, 3, 2, 2, 2], [2, 3]), 1))).toEqual([1, 0]);
    expect(read(argReduce('min', array([1, 0, 0, 5, Number.NaN, 1], [2, 3]), 1))).toEqual([1, 1]);
    expect(read(argReduce('max', array([1, 5, 7, 2], [2, 2]), 0))).toEqual([1, 0]);
  });
});

describe('cumsum', () => {
  it('adds up along the axis from either end', () => {
    const x = array([1, 2, 3, 4, 5, 6], [2, 3]);
    expect(read(cumsum(x, 1, false))).toEqual([1, 3, 6, 4, 9, 15]);
    expect(read(cumsum(x, 1, true))).toEqual([6, 5, 3, 15, 11, 6]);
    expect(read(cumsum(x, 0, false))).toEqual([1, 2, 3, 5, 7, 9]);
    expect(cumsum(array([], [0, 3]), 0, false).shape).toEqual([0, 3]);
  });
});
