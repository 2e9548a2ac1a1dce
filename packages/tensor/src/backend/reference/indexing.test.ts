import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TensorError } from '../../errors';
import type { NDArray } from '../contract';
import { array, backend, indicesOf, normal, placeOf, read } from './kernels.test-support';

const { fill, gather, indexAddInPlace, indexSelect, scatterAdd, writeRowsInPlace } = backend.kernels;

const indexAdd = (shape: readonly number[], index: NDArray, src: NDArray, axis: number): NDArray => {
  const sums = fill(shape, src.dtype, 0);
  indexAddInPlace(sums, index, src, axis);
  return sums;
};

describe('gather and scatterAdd', () => {
  it('follow the index along the axis; one is the transpose of the other', () => {
    const p = fc.record({
      shape: fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 }),
      axis: fc.nat(2),
      length: fc.nat(5),
      seed: fc.nat(1000),
    });
    fc.assert(
      fc.property(p, ({ shape, axis: any, length, seed }) => {
        const axis = any % shape.length;
        const to = shape.map((n, i) => (i === axis ? length : n));
        const places = indicesOf(to).map((_, i) => (7 * i + seed) % (shape[axis] as number));
        const index = array(places, to, 'int32');
        const [x, g] = [normal(shape, 1), normal(to, 2)];
        const sources = indicesOf(to).map((at, i) =>
          placeOf(
            at.map((v, a) => (a === axis ? (places[i] as number) : v)),
            shape,
          ),
        );
        const values = read(x);
        expect(read(gather(x, index, axis))).toEqual(sources.map((s) => values[s]));
        const sums = new Float32Array(values.length);
        read(g).forEach((v, i) => {
          const s = sources[i] as number;
          sums[s] = (sums[s] as number) + v;
        });
        expect(read(scatterAdd(shape, index, g, axis))).toEqual([...sums]);
      }),
    );
  });
});

describe('indexSelect and indexAddInPlace', () => {
  it('take and add whole entries of an axis, in index order', () => {
    const x = array([0, 1, 2, 3, 4, 5], [2, 3]);
    const index = array([2, 0, 2], [3], 'int32');
    expect(read(indexSelect(x, index, 1))).toEqual([2, 0, 2, 5, 3, 5]);
    expect(read(indexAdd([2, 3], index, x, 1))).toEqual([1, 0, 2, 4, 0, 8]);
    const rows = array([1, 1], [2], 'int32');
    expect(read(indexSelect(x, rows, 0))).toEqual([3, 4, 5, 3, 4, 5]);
    expect(read(indexAdd([2, 3], rows, x, 0))).toEqual([0, 0, 0, 3, 5, 7]);
    expect(indexSelect(x, array([], [0], 'int32'), 0).shape).toEqual([0, 3]);
    const there = array([10, 20, 30, 40, 50, 60], [2, 3]);
    indexAddInPlace(there, rows, x, 0);
    expect(read(there)).toEqual([10, 20, 30, 43, 55, 67]);
  });

  it('sums of bfloat16 are rounded once, not after every addition', () => {
    const ones = array(Array(300).fill(1), [300, 1], 'bfloat16');
    const zeros = array(Array(300).fill(0), [300], 'int32');
    expect(read(indexAdd([1, 1], zeros, ones, 0))).toEqual([300]); // adding in bfloat16 would stop at 256
  });
});

describe('an index out of range', () => {
  it('throws a typed error that names op, range and index, and writes nothing', () => {
    const x = array([1, 2, 3]);
    for (const bad of [3, -1]) {
      const index = array([0, bad], [2], 'int32');
      const calls: readonly [string, () => unknown][] = [
        ['gather', () => gather(x, index, 0)],
        ['scatterAdd', () => scatterAdd([3], index, array([1, 1]), 0)],
        ['indexSelect', () => indexSelect(x, index, 0)],
        ['indexAdd', () => indexAdd([3], index, array([1, 1]), 0)],
        ['writeRowsInPlace', () => writeRowsInPlace(x, Int32Array.of(0, bad), array([9, 9]))],
      ];
      for (const [name, call] of calls) {
        expect(call).toThrow(TensorError);
        expect(call).toThrow(`[${name}] expected indices from 0 to 2, got ${bad}`);
      }
    }
    expect(read(x)).toEqual([1, 2, 3]);
  });
});
