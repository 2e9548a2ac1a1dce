/**
 * Moves whole rows of a matrix, whatever their bytes are: each head's two halves lie one after the other here (row j
 * and row j + D/2 make a rotary pair), and interleaved (rows 2j and 2j + 1) in GGUF files of Llama.
 *
 * @param bytes Rows of equal length, `heads` times as many as a head has.
 */
export function permuteRows(
  bytes: Uint8Array,
  options: { rows: number; heads: number; to: 'halves' | 'pairs' },
): Uint8Array {
  const { rows, heads, to } = options;
  const width = bytes.byteLength / rows;
  const dim = rows / heads;
  const out = new Uint8Array(bytes.byteLength);
  for (let head = 0; head < heads; head++) {
    for (let j = 0; j < dim; j++) {
      const half = head * dim + j;
      const pair = head * dim + (j < dim / 2 ? 2 * j : 2 * j - dim + 1);
      const [from, into] = to === 'halves' ? [pair, half] : [half, pair];
      out.set(bytes.subarray(from * width, (from + 1) * width), into * width);
    }
  }
  return out;
}
