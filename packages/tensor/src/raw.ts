import { type DataArrays, type DType, byteSize } from './dtype';

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);

/** The float32 of bfloat16 bits; exact. */
export function fromBfloat16(bits: number): number {
  u32[0] = bits << 16;
  return f32[0] as number;
}

/** bfloat16 bits of a number: round to nearest, ties to even; NaN stays NaN. */
export function toBfloat16(value: number): number {
  f32[0] = value;
  const bits = u32[0] as number;
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return ((bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16) & 0xffff;
}

/** The float32 of float16 (IEEE binary16) bits; exact. */
export function fromFloat16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** float16 bits of a number: round to nearest, ties to even; overflow gives infinity. */
export function toFloat16(value: number): number {
  f32[0] = value;
  const bits = u32[0] as number;
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fffffff;
  if (magnitude > 0x7f800000) return sign | 0x7e00;
  if (magnitude >= 0x477ff000) return sign | 0x7c00;
  if (magnitude < 0x38800000) {
    // Subnormal: a multiple of 2^-24, rounded by the float32 adder itself.
    f32[0] = Math.abs(value) + 0.5;
    return sign | ((u32[0] as number) - 0x3f000000);
  }
  return sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
}

type Decoders = { readonly [D in DType]: (bytes: Uint8Array) => DataArrays[D] };

function aligned(bytes: Uint8Array, width: number): Uint8Array {
  return bytes.byteOffset % width === 0 ? bytes : bytes.slice();
}

function widen(bytes: Uint8Array, convert: (bits: number) => number): Float32Array {
  const b = aligned(bytes, 2);
  const bits = new Uint16Array(b.buffer, b.byteOffset, b.byteLength / 2);
  const out = new Float32Array(bits.length);
  for (let i = 0; i < bits.length; i++) out[i] = convert(bits[i] as number);
  return out;
}

const decoders: Decoders = {
  float32: (bytes) => {
    const b = aligned(bytes, 4);
    return new Float32Array(b.buffer, b.byteOffset, b.byteLength / 4);
  },
  int32: (bytes) => {
    const b = aligned(bytes, 4);
    return new Int32Array(b.buffer, b.byteOffset, b.byteLength / 4);
  },
  bfloat16: (bytes) => widen(bytes, fromBfloat16),
  float16: (bytes) => widen(bytes, fromFloat16),
  uint8: (bytes) => bytes,
  bool: (bytes) => bytes,
};

/** @internal Raw little-endian bytes as the array that `data()` gives. */
export function decodeRaw<D extends DType>(bytes: Uint8Array, dtype: D): DataArrays[D] {
  return decoders[dtype](bytes);
}

/** @internal Values as raw little-endian bytes of a dtype. bool: anything but 0 is 1. */
export function encodeRaw(values: ArrayLike<number>, dtype: DType): Uint8Array {
  const n = values.length;
  const bytes = new Uint8Array(n * byteSize[dtype]);
  if (dtype === 'float32') new Float32Array(bytes.buffer).set(values);
  else if (dtype === 'int32') new Int32Array(bytes.buffer).set(values);
  else if (dtype === 'uint8') bytes.set(values);
  else if (dtype === 'bool') for (let i = 0; i < n; i++) bytes[i] = values[i] === 0 ? 0 : 1;
  else {
    const convert = dtype === 'bfloat16' ? toBfloat16 : toFloat16;
    const bits = new Uint16Array(bytes.buffer);
    for (let i = 0; i < n; i++) bits[i] = convert(values[i] as number);
  }
  return bytes;
}
