import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  toFloat32,
  toTypedArray,
} from './floats.js';

/** Nearest value of a format by search over all of its finite values, ties to the even bit pattern. */
function nearest(value: number, decode: (bits: Uint16Array) => Float32Array, maxFinite: number): number {
  const all = decode(Uint16Array.from({ length: maxFinite + 1 }, (_, i) => i));
  let low = 0;
  let high = maxFinite;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((all[middle] ?? 0) <= value) low = middle;
    else high = middle;
  }
  const below = value - (all[low] ?? 0);
  const above = (all[high] ?? 0) - value;
  if (below === above) return low % 2 === 0 ? low : high;
  return below < above ? low : high;
}

describe('bfloat16', () => {
  it('comes back unchanged from float32 for every non-NaN pattern', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((x) => (x & 0x7fff) <= 0x7f80);
    expect(float32ToBfloat16(bfloat16ToFloat32(bits))).toEqual(bits);
  });

  it('rounds to nearest, ties to even', () => {
    fc.assert(
      fc.property(fc.float({ min: 0, max: Math.fround(3e38), noNaN: true }), (x) => {
        expect(float32ToBfloat16(Float32Array.of(x))[0]).toBe(nearest(x, (b) => bfloat16ToFloat32(b), 0x7f7f));
      }),
      { numRuns: 30 },
    );
  });

  it('keeps NaN a NaN even if its payload lies in the lower half', () => {
    const nan = new Float32Array(Uint32Array.of(0x7f800001, 0xffffffff).buffer);
    expect([...bfloat16ToFloat32(float32ToBfloat16(nan))]).toEqual([NaN, NaN]);
  });
});

describe('float16', () => {
  it('comes back unchanged from float32 for every non-NaN pattern', () => {
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i).filter((x) => (x & 0x7fff) <= 0x7c00);
    expect(float32ToFloat16(float16ToFloat32(bits))).toEqual(bits);
  });

  it('rounds to nearest, ties to even, subnormals included', () => {
    const decode = (b: Uint16Array) => float16ToFloat32(b);
    fc.assert(
      fc.property(
        fc.oneof(
          fc.float({ min: 0, max: 65504, noNaN: true }),
          fc.float({ min: 0, max: Math.fround(1e-4), noNaN: true }),
        ),
        (x) => {
          expect(float32ToFloat16(Float32Array.of(x))[0]).toBe(nearest(x, decode, 0x7bff));
        },
      ),
      { numRuns: 100 },
    );
  });

  it.each([
    [65519.99, 0x7bff],
    [65520, 0x7c00],
    [1e30, 0x7c00],
    [-Infinity, 0xfc00],
    [2 ** -25, 0],
    [2 ** -25 * 1.001, 1],
    [-0, 0x8000],
  ])('encodes %d', (value, bits) => {
    expect(float32ToFloat16(Float32Array.of(value))[0]).toBe(bits);
  });
});

describe('conversions between arrays', () => {
  it('write into memory of any kind, shared memory too', () => {
    // Typed as what callers usually have: nothing about the buffer. The type check is part of the test.
    const values: Float32Array = new Float32Array(new SharedArrayBuffer(8));
    const bits: Uint16Array = new Uint16Array(new SharedArrayBuffer(4));
    expect(bfloat16ToFloat32(Uint16Array.of(0x3f80, 0xc000), values)).toBe(values);
    expect([...values]).toEqual([1, -2]);
    expect([...float32ToBfloat16(values, bits)]).toEqual([0x3f80, 0xc000]);
    expect([...float32ToFloat16(values, bits)]).toEqual([0x3c00, 0xc000]);
    expect([...float16ToFloat32(bits, values)]).toEqual([1, -2]);
  });
});

describe('toFloat32 and toTypedArray', () => {
  it('read at odd addresses and give new memory', () => {
    const bytes = new Uint8Array(13);
    bytes.set(new Uint8Array(Float32Array.of(1.5, -2, 3).buffer), 1);
    const view = bytes.subarray(1);
    const values = toFloat32({ dtype: 'F32', bytes: view });
    expect([...values]).toEqual([1.5, -2, 3]);
    values[0] = 9;
    expect(toTypedArray({ dtype: 'F32', bytes: view })[0]).toBe(1.5);
  });

  it('never alias the bytes, even if they fill their buffer', () => {
    const bytes = new Uint8Array(Float32Array.of(1).buffer);
    toFloat32({ dtype: 'F32', bytes })[0] = 5;
    toTypedArray({ dtype: 'F32', bytes })[0] = 5;
    expect(toFloat32({ dtype: 'F32', bytes })[0]).toBe(1);
  });

  it('refuse what they cannot convert', () => {
    expect(() => toFloat32({ dtype: 'I64', bytes: new Uint8Array(8) })).toThrow(/expected F64.*got I64/);
    expect(() => toFloat32({ dtype: 'F32', bytes: new Uint8Array(5) })).toThrow(/multiple of 4/);
    expect(() => bfloat16ToFloat32(new Uint16Array(2), new Float32Array(3))).toThrow(/output of 2/);
  });
});
