import type { QuantizedFormat, QuantizedSpec } from '../backend/contract';
import { isFloat } from '../dtype';
import { TensorError } from '../errors';
import { toFloat16 } from '../raw';
import type { Tensor } from '../tensor';
import { checkSpec, rowBytes } from './format';
import { type QuantizedWeight, type QuantizedWeightOptions, quantizedWeight } from './weight';

/** Writes the quantised values of one group or block. */
type Encode = (values: Float32Array, start: number, count: number, out: DataView, at: number) => void;

const fround = Math.fround;

/** Half away from zero, as C's roundf. */
const roundAway = (x: number): number => Math.sign(x) * Math.floor(Math.abs(x) + 0.5);

/** Half to even. */
function roundEven(x: number): number {
  const low = Math.floor(x);
  const part = x - low;
  if (part !== 0.5) return Math.round(x);
  return low % 2 === 0 ? low : low + 1;
}

/** The value of largest magnitude, the first of several; of zeros too, whose sign shows in the file. */
function largest(values: Float32Array, start: number, count: number): number {
  let most = count > 0 ? (values[start] as number) : 0;
  for (let i = start; i < start + count; i++) {
    const x = values[i] as number;
    if (Math.abs(x) > Math.abs(most)) most = x;
  }
  return most;
}

const inverse = (d: number): number => (d === 0 ? 0 : fround(1 / d));

const q8_0: Encode = (values, start, count, out, at) => {
  const d = fround(Math.abs(largest(values, start, count)) / 127);
  const id = inverse(d);
  out.setUint16(at, toFloat16(d), true);
  for (let i = 0; i < count; i++) out.setInt8(at + 2 + i, roundAway(fround((values[start + i] as number) * id)));
};

/** Nibble i of a block holds value i low and value i + 16 high. */
function nibbles(out: DataView, at: number, code: (i: number) => number): void {
  for (let i = 0; i < 16; i++) out.setUint8(at + i, code(i) | (code(i + 16) << 4));
}

const q4_0: Encode = (values, start, count, out, at) => {
  // The value of largest magnitude becomes exactly -8 d, so d carries the opposite of its sign.
  const d = fround(largest(values, start, count) / -8);
  const id = inverse(d);
  out.setUint16(at, toFloat16(d), true);
  nibbles(out, at + 2, (i) => {
    const x = fround(fround((values[start + i] as number) * id) + 8.5);
    return Math.min(15, Math.max(0, Math.trunc(x)));
  });
};

const q4_1: Encode = (values, start, count, out, at) => {
  const part = values.subarray(start, start + count);
  const [low, high] = [part.reduce((a, b) => (b < a ? b : a)), part.reduce((a, b) => (b > a ? b : a))];
  const d = fround(fround(high - low) / 15);
  const id = inverse(d);
  out.setUint16(at, toFloat16(d), true);
  out.setUint16(at + 2, toFloat16(low), true);
  nibbles(out, at + 4, (i) => {
    const x = fround(fround(fround((part[i] as number) - low) * id) + 0.5);
    return Math.min(15, Math.trunc(x));
  });
};

function encodeBlocks(values: Float32Array, out: DataView, blockValues: number, blockBytes: number, encode: Encode) {
  for (let from = 0, at = 0; from < values.length; from += blockValues, at += blockBytes) {
    encode(values, from, blockValues, out, at);
  }
}

function encodeInt8(values: Float32Array, out: DataView, spec: QuantizedSpec): void {
  const [rows, columns] = spec.shape;
  const row = rowBytes(spec);
  for (let r = 0; r < rows; r++) {
    const first = r * row + (row - columns);
    for (let g = 0; g * spec.groupSize < columns; g++) {
      const count = Math.min(spec.groupSize, columns - g * spec.groupSize);
      const start = r * columns + g * spec.groupSize;
      const most = Math.abs(largest(values, start, count));
      const scale = most === 0 ? 1 : fround(most / 127);
      out.setFloat32(r * row + 4 * g, scale, true);
      for (let i = 0; i < count; i++) {
        // Below float32's normal range the scale is too coarse for 127 steps, hence the bound.
        const q = roundEven(fround((values[start + i] as number) / scale));
        out.setInt8(first + g * spec.groupSize + i, Math.max(-127, Math.min(127, q)));
      }
    }
  }
}

/** Formats that `quantize` makes. */
export type QuantizeFormat = Extract<QuantizedFormat, 'Q4_0' | 'Q4_1' | 'Q8_0' | 'int8'>;

const encoders: Readonly<Record<QuantizeFormat, (values: Float32Array, out: DataView, spec: QuantizedSpec) => void>> = {
  Q4_0: (values, out) => encodeBlocks(values, out, 32, 18, q4_0),
  Q4_1: (values, out) => encodeBlocks(values, out, 32, 20, q4_1),
  Q8_0: (values, out) => encodeBlocks(values, out, 32, 34, q8_0),
  int8: encodeInt8,
};

/**
 * Rounds a matrix x (M, K) to few bits, each value to the nearest code: Q8_0, Q4_0 and Q4_1 as ggml's reference
 * quantisers do, int8 symmetric, s = max |w| / 127 over each group, codes from -127 to 127, halves to even.
 *
 * @param options.groupSize int8 only; see `quantizedWeight`.
 * @param options.activations As in `quantizedWeight`; `options.backend` default: that of x.
 * @throws TensorError `value` for other formats, and for values that are not finite or too large for float16 scales;
 *   `shape` for columns that are not whole blocks; `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { normal, quantize } from '@tessera-llm/tensor';
 * using weight = await quantize(normal([4, 64], { seed: 0 }), 'Q4_0');
 * console.log((await weight.bytes()).length); // 4 rows x 2 blocks x 18 bytes = 144
 * ```
 */
export async function quantize(
  x: Tensor,
  format: QuantizeFormat,
  options: Pick<QuantizedWeightOptions, 'activations' | 'backend' | 'groupSize'> = {},
): Promise<QuantizedWeight> {
  if (!Object.hasOwn(encoders, format)) {
    const known = Object.keys(encoders).join(', ');
    throw new TensorError('value', `[quantize] expected a format of ${known}, got '${String(format)}'`);
  }
  if (!isFloat(x.dtype)) throw new TensorError('dtype', `[quantize] expected x of a float dtype, got ${x.dtype}`);
  const spec = checkSpec('quantize', format, x.shape, options.groupSize);
  const data = await x.data();
  const values = data instanceof Float32Array ? data : Float32Array.from(data);
  // float16 holds scales up to 65504; the scale is at least 1/127 of the largest value.
  const limit = format === 'int8' ? 3.4028234663852886e38 : 65504;
  const bad = values.findIndex((v) => !(Math.abs(v) <= limit));
  if (bad >= 0) {
    throw new TensorError(
      'value',
      `[quantize] expected values of at most ${limit} in magnitude, got ${values[bad]} at element ${bad}`,
    );
  }
  const bytes = new Uint8Array(spec.shape[0] * rowBytes(spec));
  encoders[format](values, new DataView(bytes.buffer), spec);
  return quantizedWeight(bytes, {
    format,
    shape: spec.shape,
    backend: options.backend ?? x.backend,
    ...(options.activations && { activations: options.activations }),
    ...(format === 'int8' && { groupSize: spec.groupSize }),
  });
}
