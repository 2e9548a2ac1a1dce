import { FormatsError } from './errors.js';
import type { RawTensor, SafetensorsDType } from './safetensors/dtype.js';

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/**
 * float32 from bfloat16 bits (N) → (N), exact: a bfloat16 is the upper half of a float32.
 *
 * @param out Written and returned; default new memory.
 * @throws FormatsError `invalid_argument` for an `out` of another length.
 *
 * @example
 * ```ts
 * import { bfloat16ToFloat32 } from '@tessera-llm/formats';
 * console.log(bfloat16ToFloat32(new Uint16Array([0x3f80, 0x4049]))); // [1, 3.140625]
 * ```
 */
export function bfloat16ToFloat32(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  checkLength('bfloat16ToFloat32', bits.length, out.length);
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) words[i] = (bits[i] ?? 0) << 16;
  return out;
}

/**
 * bfloat16 bits from float32 (N) → (N), rounded to nearest, ties to even; NaN stays NaN.
 *
 * @param out Written and returned; default new memory.
 * @throws FormatsError `invalid_argument` for an `out` of another length.
 *
 * @example
 * ```ts
 * import { bfloat16ToFloat32, float32ToBfloat16 } from '@tessera-llm/formats';
 * const bits = float32ToBfloat16(new Float32Array([1, 3.14159]));
 * console.log(bits, bfloat16ToFloat32(bits)); // [16256, 16457] [1, 3.140625]
 * ```
 */
export function float32ToBfloat16(
  values: Float32Array,
  out: Uint16Array = new Uint16Array(values.length),
): Uint16Array {
  checkLength('float32ToBfloat16', values.length, out.length);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) {
    const x = words[i] ?? 0;
    // Rounding could carry a NaN's payload over into infinity, so a NaN is cut and made quiet instead.
    const nan = (x & 0x7fffffff) > 0x7f800000;
    out[i] = nan ? (x >>> 16) | 0x40 : (x + 0x7fff + ((x >>> 16) & 1)) >>> 16;
  }
  return out;
}

/**
 * float32 from float16 (IEEE 754 binary16) bits (N) → (N), exact, subnormals and NaN payloads included.
 *
 * @param out Written and returned; default new memory.
 * @throws FormatsError `invalid_argument` for an `out` of another length.
 *
 * @example
 * ```ts
 * import { float16ToFloat32 } from '@tessera-llm/formats';
 * console.log(float16ToFloat32(new Uint16Array([0x3c00, 0xb800]))); // [1, -0.5]
 * ```
 */
export function float16ToFloat32(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  checkLength('float16ToFloat32', bits.length, out.length);
  const words = new Uint32Array(out.buffer, out.byteOffset, out.length);
  for (let i = 0; i < bits.length; i++) words[i] = smallFloatBits(bits[i] ?? 0, 5, 10);
  return out;
}

/**
 * float16 (IEEE 754 binary16) bits from float32 (N) → (N), rounded to nearest, ties to even; what is too large, from
 * 65,520 on, becomes infinity.
 *
 * @param out Written and returned; default new memory.
 * @throws FormatsError `invalid_argument` for an `out` of another length.
 *
 * @example
 * ```ts
 * import { float32ToFloat16 } from '@tessera-llm/formats';
 * console.log(float32ToFloat16(new Float32Array([1, 1e6]))); // [15360, 31744]: 1 and infinity
 * ```
 */
export function float32ToFloat16(values: Float32Array, out: Uint16Array = new Uint16Array(values.length)): Uint16Array {
  checkLength('float32ToFloat16', values.length, out.length);
  const words = new Uint32Array(values.buffer, values.byteOffset, values.length);
  for (let i = 0; i < words.length; i++) out[i] = float16Bits(words[i] ?? 0);
  return out;
}

function float16Bits(x: number): number {
  const sign = (x >>> 16) & 0x8000;
  const abs = x & 0x7fffffff;
  if (abs > 0x7f800000) return sign | 0x7e00 | ((abs >>> 13) & 0x3ff);
  if (abs >= 0x477ff000) return sign | 0x7c00;
  if (abs >= 0x38800000) {
    // Normal: move the exponent's bias from 127 to 15 and round away 13 bits; a carry is right as it is.
    return sign | ((abs - 0x38000000 + 0xfff + ((abs >>> 13) & 1)) >>> 13);
  }
  if (abs < 0x33000000) return sign;
  // Subnormal: shift the full significand to units of 2^-24.
  const shift = 126 - (abs >>> 23);
  const significand = (abs & 0x7fffff) | 0x800000;
  const kept = significand >>> shift;
  const rest = significand - kept * 2 ** shift;
  const half = 2 ** (shift - 1);
  return sign | (kept + (rest > half || (rest === half && (kept & 1) === 1) ? 1 : 0));
}

/** float32 bits of an IEEE-like float with `e` exponent and `m` mantissa bits. */
function smallFloatBits(x: number, e: number, m: number): number {
  const sign = ((x >>> (e + m)) & 1) << 31;
  const exponent = (x >>> m) & ((1 << e) - 1);
  const mantissa = x & ((1 << m) - 1);
  const bias = (1 << (e - 1)) - 1;
  if (exponent === (1 << e) - 1) return (sign | 0x7f800000 | (mantissa << (23 - m))) >>> 0;
  if (exponent !== 0) return (sign | ((exponent - bias + 127) << 23) | (mantissa << (23 - m))) >>> 0;
  scratchFloat[0] = mantissa * 2 ** (1 - bias - m);
  return (sign | (scratchBits[0] ?? 0)) >>> 0;
}

/** The 256 values of FP8 E4M3 (the "fn" form: no infinities, 0x7F and 0xFF are NaN, largest 448). */
const e4m3Bits = Uint32Array.from({ length: 256 }, (_, x) => {
  if ((x & 0x7f) === 0x7f) return ((x & 0x80) << 24) | 0x7fc00000;
  if ((x & 0x78) !== 0x78) return smallFloatBits(x, 4, 3);
  // The top exponent is an ordinary one here: 2^8 * (1 + mantissa / 8).
  return ((x & 0x80) << 24) | ((8 + 127) << 23) | ((x & 7) << 20);
});
const e5m2Bits = Uint32Array.from({ length: 256 }, (_, x) => smallFloatBits(x, 5, 2));

function byTable(table: Uint32Array, bytes: Uint8Array): Float32Array {
  const out = new Float32Array(bytes.length);
  const words = new Uint32Array(out.buffer);
  for (let i = 0; i < bytes.length; i++) words[i] = table[bytes[i] ?? 0] ?? 0;
  return out;
}

/**
 * The values of a floating-point tensor (F64, F32, BF16, F16, F8_E4M3, F8_E5M2) as float32 in new
 * memory, in their order; F64 rounds to nearest, all others are exact.
 *
 * @throws FormatsError `unsupported_dtype` for integers, booleans, C64 and other small floats; `invalid_argument` for
 * bytes that are no whole elements.
 *
 * @example
 * ```ts
 * import { toFloat32 } from '@tessera-llm/formats';
 * console.log(toFloat32({ dtype: 'BF16', bytes: new Uint8Array([0x80, 0x3f, 0x00, 0xc0]) })); // [1, -2]
 * ```
 */
export function toFloat32(tensor: Pick<RawTensor, 'dtype' | 'bytes'>): Float32Array {
  const { dtype, bytes } = tensor;
  switch (dtype) {
    case 'F32':
      return new Float32Array(aligned('toFloat32', bytes, 4, true));
    case 'F64':
      return Float32Array.from(new Float64Array(aligned('toFloat32', bytes, 8)));
    case 'BF16':
      return bfloat16ToFloat32(new Uint16Array(aligned('toFloat32', bytes, 2)));
    case 'F16':
      return float16ToFloat32(new Uint16Array(aligned('toFloat32', bytes, 2)));
    case 'F8_E4M3':
      return byTable(e4m3Bits, bytes);
    case 'F8_E5M2':
      return byTable(e5m2Bits, bytes);
    default:
      throw new FormatsError(
        'unsupported_dtype',
        `[toFloat32] expected F64, F32, BF16, F16, F8_E4M3 or F8_E5M2, got ${dtype}; toTypedArray() gives integers`,
      );
  }
}

/**
 * The typed array of each dtype: floats that JavaScript lacks come as their bits, C64 as pairs of a real and an
 * imaginary part. Dtypes that are not listed (U8, BOOL, floats of 8 bits and less) come as the bytes of the file.
 */
export interface TypedArrays {
  F64: Float64Array;
  F32: Float32Array;
  C64: Float32Array;
  F16: Uint16Array;
  BF16: Uint16Array;
  I64: BigInt64Array;
  U64: BigUint64Array;
  I32: Int32Array;
  U32: Uint32Array;
  I16: Int16Array;
  U16: Uint16Array;
  I8: Int8Array;
}

/** The array type that {@link toTypedArray} gives for a dtype. */
export type TypedArrayOf<D extends SafetensorsDType> = D extends keyof TypedArrays ? TypedArrays[D] : Uint8Array;

const constructors: {
  readonly [D in keyof TypedArrays]: { new (buffer: ArrayBuffer): TypedArrays[D]; readonly BYTES_PER_ELEMENT: number };
} = {
  F64: Float64Array,
  F32: Float32Array,
  C64: Float32Array,
  F16: Uint16Array,
  BF16: Uint16Array,
  I64: BigInt64Array,
  U64: BigUint64Array,
  I32: Int32Array,
  U32: Uint32Array,
  I16: Int16Array,
  U16: Uint16Array,
  I8: Int8Array,
};

/**
 * The elements of a tensor as the matching typed array in new memory (see {@link TypedArrays}); bits unchanged.
 *
 * @throws FormatsError `invalid_argument` for bytes that are no whole elements.
 *
 * @example
 * ```ts
 * import { toTypedArray } from '@tessera-llm/formats';
 * const bytes = new Uint8Array([1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]);
 * console.log(toTypedArray({ dtype: 'I32', bytes })); // [1, -1]
 * ```
 */
export function toTypedArray<D extends SafetensorsDType>(
  tensor: Pick<RawTensor, 'bytes'> & { readonly dtype: D },
): TypedArrayOf<D>;
export function toTypedArray(tensor: Pick<RawTensor, 'dtype' | 'bytes'>): TypedArrays[keyof TypedArrays] | Uint8Array {
  const { dtype, bytes } = tensor;
  if (!(dtype in constructors)) return bytes.slice();
  const Constructor = constructors[dtype as keyof TypedArrays];
  return new Constructor(aligned('toTypedArray', bytes, Constructor.BYTES_PER_ELEMENT, true));
}

/** The bytes as a buffer of their own that starts at 0, copied only where they are part of another or `fresh` asks. */
function aligned(op: string, bytes: Uint8Array, elementBytes: number, fresh = false): ArrayBuffer {
  if (bytes.byteLength % elementBytes !== 0) {
    throw new FormatsError(
      'invalid_argument',
      `[${op}] expected a multiple of ${elementBytes} bytes, got ${bytes.byteLength}`,
    );
  }
  const { buffer } = bytes;
  if (!fresh && buffer instanceof ArrayBuffer && bytes.byteLength === buffer.byteLength) return buffer;
  const copy = new Uint8Array(bytes.byteLength);
  copy.set(bytes);
  return copy.buffer;
}

function checkLength(op: string, expected: number, got: number): void {
  if (expected !== got) {
    throw new FormatsError('invalid_argument', `[${op}] expected an output of ${expected} elements, got ${got}`);
  }
}
