import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { DType } from '../../dtype';
import type { Kernels, NDArray } from '../contract';
import { createReferenceBackend } from '../reference/index';
import { agree, bytesOf, haveNative, indexAdd, native, normalPair, pair, type Pair } from './native.test-support';

const extent = fc.integer({ min: 0, max: 5 });
const shapes = fc.array(extent, { minLength: 1, maxLength: 4 });
const dtypes = fc.constantFrom<DType>('float32', 'bfloat16', 'float16', 'int32', 'uint8');

/** Small whole numbers with many ties, which every dtype holds. */
function numbers(shape: readonly number[], dtype: DType = 'float32', range = 5): Pair {
  const size = shape.reduce((a, b) => a * b, 1);
  return pair(
    Array.from({ length: size }, (_, i) => (i * 7919 + 3 * (i >> 3)) % range),
    shape,
    dtype,
  );
}

/** Exactly the reference's values. */
const same = (call: (k: Kernels, of: (p: Pair) => NDArray) => { readonly [name: string]: NDArray }) => agree(call, 0);

describe.skipIf(!haveNative)('kernels that move, select and reduce, against the reference backend', () => {
  it('permute, broadcast, slice, slice scatter, pad, concat, fill, copy for any shape and dtype', () => {
    fc.assert(
      fc.property(shapes, dtypes, fc.integer({ min: 0, max: 99 }), (shape, dtype, seed) => {
        const x = numbers(shape, dtype);
        const axes = shape.map((_, i) => i).sort((a, b) => ((a * 31 + seed) % 7) - ((b * 31 + seed) % 7));
        same((k, of) => ({ y: k.permute(of(x), axes), z: k.copy(of(x)), f: k.fill(shape, dtype, seed) }));
        const row = numbers(
          shape.map((n, i) => ((seed + i) % 2 === 0 ? 1 : n)),
          dtype,
        );
        same((k, of) => ({ y: k.broadcastTo(of(row), [2, ...shape]) }));
        const some = shape.map((n) => Math.max(0, n - 1));
        const backwards = shape.map((n, i) => (i % 2 === 0 && n > 1 ? n - 1 : Math.min(1, n - some[i]!)));
        const steps = shape.map((n, i) => (i % 2 === 0 && n > 1 ? -1 : 1));
        same((k, of) => {
          const y = k.slice(of(x), backwards, steps, some);
          return { y, z: k.sliceScatter(y, backwards, steps, shape) };
        });
        const [before, after] = [shape.map((_, i) => i % 3), shape.map((_, i) => (i + 1) % 2)];
        same((k, of) => ({ y: k.pad(of(x), before, after, 3) }));
        const axis = seed % shape.length;
        const other = numbers(
          shape.map((n, i) => (i === axis ? 2 : n)),
          dtype,
        );
        same((k, of) => ({ y: k.concat([of(x), of(other), of(x)], axis) }));
      }),
      { numRuns: 80 },
    );
  });

  it('large transposes and joins', () => {
    const x = normalPair([3, 70, 133], 1);
    for (const axes of [
      [0, 2, 1],
      [2, 1, 0],
      [1, 0, 2],
      [2, 0, 1],
    ]) {
      same((k, of) => ({ y: k.permute(of(x), axes) }));
    }
    same((k, of) => ({ y: k.concat([of(x), of(x)], 1) }));
  });

  it('sums and extremes over any axes; bits of a row do not depend on the others', () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 0, max: 15 }), (shape, mask) => {
        const axes = shape.map((_, i) => i).filter((i) => (mask >> i) % 2 === 1);
        const x = normalPair(shape, 2);
        for (const fn of ['sum', 'max', 'min', 'prod'] as const)
          agree((k, of) => ({ y: k.reduce(fn, of(x), axes) }), 1e-5);
        same((k, of) => ({ y: k.reduce('sum', of(numbers(shape, 'int32')), axes) }));
      }),
      { numRuns: 80 },
    );
    const tall = normalPair([5000, 3], 3);
    agree((k, of) => ({ c: k.reduce('sum', of(tall), [0]), r: k.reduce('sum', of(tall), [0, 1]) }), 1e-5);
    const wide = normalPair([6, 3, 2500], 4);
    agree(
      (k, of) => ({
        a: k.reduce('sum', of(wide), [2]),
        b: k.reduce('max', of(wide), [1]),
        c: k.reduce('sum', of(wide), [0, 2]),
      }),
      1e-5,
    );
    const { kernels } = native();
    const all = bytesOf(kernels.reduce('sum', wide.native, [2]));
    const one = { ...wide.native, offset: 4 * 2500, shape: [1, 1, 2500] };
    expect(Buffer.compare(bytesOf(kernels.reduce('sum', one, [2])), all.slice(16, 20))).toBe(0);
  });

  it('NaN, infinities and zeros of both signs in extremes and their places', () => {
    const rows = [
      [1, Number.NaN, 5, Number.NaN],
      [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY],
      [-0, 0, -0, 0],
      [0, -0, 0, -0],
      [3, 7, 7, -2],
      [Number.POSITIVE_INFINITY, 1, Number.POSITIVE_INFINITY, 2],
    ];
    const x = pair(rows.flat(), [6, 4]);
    for (const fn of ['max', 'min'] as const) {
      for (const axis of [0, 1]) {
        same((k, of) => ({ y: k.argReduce(fn, of(x), axis), z: k.reduce(fn, of(x), [axis]) }));
      }
      const swapped = fn === 'max' ? 'maximum' : 'minimum';
      const turned = pair(rows.flat().reverse(), [6, 4]);
      same((k, of) => ({ y: k.binary(swapped, of(x), of(turned)) }));
    }
  });

  it('argmax, argmin, cumsum along any axis', () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        for (let axis = 0; axis < shape.length; axis++) {
          const x = numbers(shape);
          same((k, of) => ({ a: k.argReduce('max', of(x), axis), b: k.argReduce('min', of(x), axis) }));
          const y = normalPair(shape, 5);
          same((k, of) => ({ a: k.cumsum(of(y), axis, false), b: k.cumsum(of(y), axis, true) }));
        }
      }),
      { numRuns: 40 },
    );
  });

  it('sort and topk: stable, ties to the lower place, NaN largest, zeros alike', () => {
    const special = pair(
      [0, Number.NaN, -0, Number.POSITIVE_INFINITY, -1, 0, Number.NaN, Number.NEGATIVE_INFINITY],
      [1, 8],
    );
    const arrays = [
      special,
      numbers([3, 7]),
      numbers([2, 300], 'int32', 40),
      normalPair([2, 2, 90], 6),
      numbers([3, 0]),
      numbers([1, 70]),
    ];
    for (const x of arrays) {
      const n = x.native.shape[x.native.shape.length - 1] as number;
      for (const descending of [false, true]) same((k, of) => ({ ...k.sort(of(x), descending) }));
      for (const count of [0, 1, 2, 65, n]) if (count <= n) same((k, of) => ({ ...k.topk(of(x), count) }));
    }
  });

  it('gather, scatterAdd, indexSelect, indexAdd along any axis and dtype', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 }), dtypes, (shape, dtype) => {
        for (let axis = 0; axis < shape.length; axis++) {
          const x = numbers(shape, dtype);
          const small = shape.map((n, i) => (i === axis ? 4 : Math.max(0, n - (i % 2))));
          const index = numbers(small, 'int32', shape[axis] as number);
          same((k, of) => ({ y: k.gather(of(x), of(index), axis) }));
          const list = numbers([6], 'int32', shape[axis] as number);
          same((k, of) => ({ y: k.indexSelect(of(x), of(list), axis) }));
          const src = normalPair(small, 7);
          same((k, of) => ({ y: k.scatterAdd(shape, of(index), of(src), axis) }));
          const rows = normalPair(
            shape.map((n, i) => (i === axis ? 6 : n)),
            8,
          );
          same((k, of) => ({ y: indexAdd(k, shape, of(list), of(rows), axis) }));
        }
      }),
      { numRuns: 40 },
    );
    const { kernels } = native();
    const bad = pair([0, 3], [2, 1], 'int32').native;
    const x = normalPair([2, 3], 9).native;
    expect(() => kernels.gather(x, bad, 1)).toThrow(/gather.*from 0 to 2, got 3/);
    expect(() => kernels.scatterAdd([2, 3], bad, normalPair([2, 1], 1).native, 1)).toThrow(/scatterAdd.*got 3/);
  });

  it('binary functions of shapes that broadcast', () => {
    const [column, row, cube] = [normalPair([5, 1], 1), normalPair([1, 7], 2), normalPair([2, 5, 7], 3)];
    for (const fn of ['add', 'sub', 'mul', 'div', 'maximum', 'minimum', 'pow'] as const) {
      agree((k, of) => ({
        a: k.binary(fn, of(column), of(row)),
        b: k.binary(fn, of(cube), of(column)),
        c: k.binary(fn, of(row), of(cube)),
      }));
    }
    const empty = pair([], [5, 0]);
    same((k, of) => ({ y: k.binary('add', of(empty), of(column)) }));
  });

  it('rows written in place, converted; a bad row changes nothing', () => {
    for (const to of ['float32', 'bfloat16', 'float16'] as const) {
      for (const from of ['float32', 'bfloat16', 'float16'] as const) {
        const [target, source] = [normalPair([6, 3, 7], 1, to), normalPair([3, 3, 7], 2, from)];
        same((k, of) => {
          k.writeRowsInPlace(of(target), Int32Array.of(5, 0, 2), of(source));
          return { y: of(target) };
        });
      }
    }
    const target = normalPair([6, 2], 1).native;
    const before = bytesOf(target);
    const write = () => native().kernels.writeRowsInPlace(target, Int32Array.of(1, 6), normalPair([2, 2], 2).native);
    expect(write).toThrow(/from 0 to 5, got 6/);
    expect(Buffer.compare(bytesOf(target), before)).toBe(0);
  });

  it('normal numbers have the reference’s bits', () => {
    const host = createReferenceBackend();
    for (const [size, seed] of [
      [1, 0],
      [7, 1],
      [400_003, 2],
    ] as const) {
      const key = { seed: [seed, 77], stream: [4294967295, 5] } as const;
      const want = host.kernels.random('normal', [size], key);
      const got = native().kernels.random('normal', [size], key);
      expect(Buffer.compare(bytesOf(got), host.readSync(want.block, 0, size * 4))).toBe(0);
    }
  });
});
