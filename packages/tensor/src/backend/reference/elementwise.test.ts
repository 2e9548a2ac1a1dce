import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBfloat16, toBfloat16 } from '../../raw';
import type { BinaryFn, CompareFn } from '../contract';
import { array, backend, indicesOf, normal, placeOf, read } from './kernels.test-support';

const { kernels } = backend;
const special = [0, -0, 1, -1, 2.5, -2.5, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

describe('binary', () => {
  const scalar: Record<BinaryFn, (a: number, b: number) => number> = {
    add: (a, b) => a + b,
    div: (a, b) => a / b,
    maximum: Math.max,
    minimum: Math.min,
    mul: (a, b) => a * b,
    pow: (a, b) => (a === 1 || (a === -1 && Math.abs(b) === Number.POSITIVE_INFINITY) ? 1 : a ** b),
    sub: (a, b) => a - b,
  };

  it('broadcasts any two shapes', () => {
    const axes = fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.constantFrom('both', 'left', 'right')), {
      maxLength: 4,
    });
    fc.assert(
      fc.property(axes, fc.nat(2), (list, cut) => {
        const to = list.map(([n]) => n);
        const left = list.map(([n, who]) => (who === 'right' ? 1 : n));
        const right = list.map(([n, who]) => (who === 'left' ? 1 : n)).slice(Math.min(cut, list.length));
        const whole = left.map((n, i) => {
          const other = right[i - (list.length - right.length)] ?? 1;
          return n === 1 ? other : n;
        });
        const [a, b] = [normal(left, 1), normal(right, 2)];
        const [va, vb] = [read(a), read(b)];
        const y = kernels.binary('sub', a, b);
        expect(y.shape).toEqual(whole);
        expect(to.length).toBe(whole.length);
        const at = (index: number[], shape: number[]) =>
          placeOf(
            index.slice(index.length - shape.length).map((i, axis) => (shape[axis] === 1 ? 0 : i)),
            shape,
          );
        expect(read(y)).toEqual(
          indicesOf(whole).map((i) => Math.fround((va[at(i, left)] as number) - (vb[at(i, right)] as number))),
        );
      }),
    );
  });

  it('follows IEEE at zeros, infinities and NaN', () => {
    const a = array(special.flatMap((v) => special.map(() => v)));
    const b = array(special.flatMap(() => special));
    const [va, vb] = [read(a), read(b)];
    for (const fn of Object.keys(scalar) as BinaryFn[]) {
      const want = va.map((v, i) => Math.fround(scalar[fn](v, vb[i] as number)));
      expect(read(kernels.binary(fn, a, b))).toEqual(want);
    }
    const compare: Record<CompareFn, (a: number, b: number) => boolean> = {
      eq: (x, y) => x === y,
      ge: (x, y) => x >= y,
      gt: (x, y) => x > y,
      le: (x, y) => x <= y,
      lt: (x, y) => x < y,
      ne: (x, y) => x !== y,
    };
    for (const fn of Object.keys(compare) as CompareFn[]) {
      const y = kernels.compare(fn, a, b);
      expect(y.dtype).toBe('bool');
      expect(read(y)).toEqual(va.map((v, i) => Number(compare[fn](v, vb[i] as number))));
    }
  });

  it('int32 products wrap exactly; division truncates; bool stays 0 and 1', () => {
    const big = array([0x7fffffff, 65537], [2], 'int32');
    expect(read(kernels.binary('mul', big, big))).toEqual([1, Math.imul(65537, 65537)]);
    expect(read(kernels.binary('div', array([-7], [1], 'int32'), array([2], [1], 'int32')))).toEqual([-3]);
    const yes = array([1], [1], 'bool');
    expect(read(kernels.binary('add', yes, yes))).toEqual([1]);
  });

  it('16-bit floats are widened, computed and rounded once', () => {
    const [a, b] = [normal([50], 1, 'bfloat16'), normal([50], 2, 'bfloat16')];
    const [va, vb] = [read(a), read(b)];
    const want = va.map((v, i) => fromBfloat16(toBfloat16(Math.fround(v * (vb[i] as number)))));
    expect(read(kernels.binary('mul', a, b))).toEqual(want);
  });
});

describe('unary and kin', () => {
  it('conversions: to integers toward zero, to bool by x ≠ 0, to 16 bits to nearest even', () => {
    const x = array([1.9, -1.9, 0, -0, Number.NaN]);
    expect(read(kernels.cast(x, 'int32'))).toEqual([1, -1, 0, 0, 0]);
    expect(read(kernels.cast(x, 'bool'))).toEqual([1, 1, 0, 0, 1]);
    expect(read(kernels.cast(array([1 + 2 ** -8, 1 + 3 * 2 ** -8]), 'bfloat16'))).toEqual([1, 1 + 2 ** -6]);
  });

  it('clamp keeps NaN; isNan and isFinite see it', () => {
    const x = array(special);
    expect(read(kernels.clamp(x, -1, 2))).toEqual([0, -0, 1, -1, 2, -1, Number.NaN, 2, -1]);
    expect(read(kernels.isNan(x))).toEqual(special.map((v) => Number(Number.isNaN(v))));
    expect(read(kernels.isFinite(x))).toEqual(special.map((v) => Number(Number.isFinite(v))));
  });

  it('where broadcasts its three operands', () => {
    const c = array([1, 0], [2, 1], 'bool');
    expect(read(kernels.where(c, array([1, 2, 3]), array([9], [])))).toEqual([1, 2, 3, 9, 9, 9]);
  });
});

describe('in place', () => {
  it('writes only its target, through views and conversions', () => {
    const x = array([1, 2, 3, 4], [2, 2]);
    const row = { ...x, offset: 2, shape: [2] };
    kernels.addInPlace(row, array([10, 20]));
    kernels.scaleInPlace(row, array([2], []));
    expect(read(x)).toEqual([1, 2, 26, 48]);
    kernels.writeRowsInPlace(x, Int32Array.of(1, 0), array([5, 6, 7, 8], [2, 2], 'bfloat16'));
    expect(read(x)).toEqual([7, 8, 5, 6]);
    const half = array([0, 0], [2], 'bfloat16');
    kernels.copyInPlace(half, array([1 + 2 ** -9, 3]));
    kernels.addInPlace(half, array([1, 1], [2], 'bfloat16'));
    expect(read(half)).toEqual([2, 4]);
  });
});
