import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { indicesOf } from './kernels.test-support';
import { broadcastStrides, loopNest, stridesOf } from './strides';

const shape = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 4 });

describe('loopNest', () => {
  it('visits every place of every operand in row-major order, whatever the strides', () => {
    const operand = fc.tuple(...Array.from({ length: 4 }, () => fc.integer({ min: -5, max: 5 })));
    fc.assert(
      fc.property(shape, fc.array(operand, { minLength: 1, maxLength: 3 }), fc.boolean(), (extents, random, own) => {
        // Contiguous strides, where adjacent axes merge, as well as arbitrary ones.
        const strides = random.map((s, i) => (own && i === 0 ? stridesOf(extents) : s.slice(0, extents.length)));
        const starts = strides.map((_, i) => 100 * i);
        const want = indicesOf(extents).map((index) =>
          strides.map((s, o) => index.reduce((sum, i, axis) => sum + i * (s[axis] as number), starts[o] as number)),
        );
        const nest = loopNest(extents, strides, starts);
        const got: number[][] = [];
        nest.each((at) => {
          for (let i = 0; i < nest.length; i++)
            got.push(strides.map((_, o) => (at[o] as number) + i * (nest.steps[o] as number)));
        });
        expect(got).toEqual(want);
      }),
    );
  });

  it('runs contiguous operands as one run', () => {
    const strides = stridesOf([3, 4, 5]);
    expect(loopNest([3, 4, 5], [strides, strides]).length).toBe(60);
  });
});

describe('broadcastStrides', () => {
  it('stands still along broadcast axes', () => {
    expect(broadcastStrides([3, 1, 5], [2, 3, 4, 5])).toEqual([0, 5, 0, 1]);
    expect(broadcastStrides([], [2, 2])).toEqual([0, 0]);
  });
});
