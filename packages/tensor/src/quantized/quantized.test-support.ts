import type { QuantizedFormat } from '../backend/contract';
import { toFloat16 } from '../raw';
import { checkSpec, rowBytes } from './format';
import { type QuantizedWeight, type QuantizedWeightOptions, quantizedWeight } from './weight';

export const formats: readonly QuantizedFormat[] = ['Q8_0', 'Q4_0', 'Q4_1', 'Q4_K', 'Q6_K', 'int8'];

/** Values in a block: shapes of weights are multiples of it. */
export const blockOf = (format: QuantizedFormat): number =>
  format === 'int8' ? 1 : format === 'Q4_K' || format === 'Q6_K' ? 256 : 32;

/** Where a block holds float16 numbers. */
const halves: Readonly<Record<Exclude<QuantizedFormat, 'int8'>, readonly [block: number, at: readonly number[]]>> = {
  Q4_0: [18, [0]],
  Q4_1: [20, [0, 2]],
  Q4_K: [144, [0, 2]],
  Q6_K: [210, [208]],
  Q8_0: [34, [0]],
};

/** Small deterministic noise: a linear congruential generator over 32 bits. */
export function noise(seed: number): () => number {
  let state = (seed * 2654435761 + 12345) >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** Any bytes in the places of codes, and scales of moderate size, signed where the format allows it. */
export function randomBytes(
  format: QuantizedFormat,
  shape: readonly [number, number],
  seed: number,
  groupSize?: number,
): Uint8Array {
  const next = noise(seed);
  const spec = checkSpec('test', format, shape, groupSize);
  const bytes = new Uint8Array(shape[0] * rowBytes(spec));
  for (let i = 0; i < bytes.length; i++) bytes[i] = Math.floor(next() * 256);
  const view = new DataView(bytes.buffer);
  if (format === 'int8') {
    const groups = Math.ceil(shape[1] / spec.groupSize);
    for (let r = 0; r < shape[0]; r++) {
      for (let g = 0; g < groups; g++) view.setFloat32(r * rowBytes(spec) + 4 * g, (next() - 0.5) / 32, true);
    }
    return bytes;
  }
  const [size, places] = halves[format];
  for (let at = 0; at < bytes.length; at += size) {
    for (const place of places) view.setUint16(at + place, toFloat16((next() - 0.5) / 32), true);
  }
  return bytes;
}

/** A weight of `randomBytes` on the default backend. */
export function randomWeight(
  format: QuantizedFormat,
  shape: readonly [number, number],
  seed: number,
  options: Pick<QuantizedWeightOptions, 'activations' | 'backend' | 'groupSize'> = {},
): QuantizedWeight {
  return quantizedWeight(randomBytes(format, shape, seed, options.groupSize), { format, shape, ...options });
}
