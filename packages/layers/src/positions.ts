import { checkCount } from './errors';

/**
 * The fixed positions of the original transformer (Vaswani et al. 2017, section 3.5):
 * entry (p, 2i) is sin(p / 10000^(2i/C)), entry (p, 2i+1) its cosine.
 *
 * Learned positions are an `Embedding` looked up with the batch's positions.
 *
 * @returns (length, width), row-major.
 * @throws LayersError `value` for sizes that are no counts.
 *
 * @example
 * ```ts
 * import { sinusoidalPositions } from '@tessera-llm/layers';
 * console.log(sinusoidalPositions(2, 4)); // [0, 1, 0, 1, 0.841…, 0.540…, 0.0099…, 0.9999…]
 * ```
 */
export function sinusoidalPositions(length: number, width: number): Float32Array {
  checkCount('sinusoidalPositions', 'length', length);
  checkCount('sinusoidalPositions', 'width', width);
  const table = new Float32Array(length * width);
  for (let p = 0; p < length; p++) {
    for (let c = 0; c < width; c++) {
      const angle = p / 10000 ** ((c - (c % 2)) / width);
      table[p * width + c] = c % 2 === 0 ? Math.sin(angle) : Math.cos(angle);
    }
  }
  return table;
}
