import type { TokenSource } from './token-source.js';
import type { Unit } from './units.js';

/**
 * A packed batch of N tokens in S segments. Attention stays within a segment; every position has a
 * label, so there is nothing to ignore and no padding.
 */
export interface TokenBatch {
  /** (N) input token ids. */
  readonly ids: Int32Array;
  /** (S + 1) segment s holds rows `offsets[s]` up to `offsets[s + 1]`. */
  readonly offsets: Int32Array;
  /** (N) position of each token in its segment, from 0. */
  readonly positions: Int32Array;
  /** (N) the token that follows each input in its document. */
  readonly labels: Int32Array;
  /** The epoch, from 0, that the batch's first token belongs to; 0 in validation. */
  readonly epoch: number;
}

/** Reads runs of tokens as the segments of a batch. */
export async function readBatch(source: TokenSource, runs: readonly Unit[], epoch: number): Promise<TokenBatch> {
  const offsets = new Int32Array(runs.length + 1);
  for (const [s, { length }] of runs.entries()) offsets[s + 1] = (offsets[s] ?? 0) + length;
  const total = offsets.at(-1) ?? 0;
  const ids = new Int32Array(total);
  const labels = new Int32Array(total);
  const positions = new Int32Array(total);
  for (const [s, { start, length }] of runs.entries()) {
    const tokens = new Int32Array(length + 1);
    await source.read(start, tokens);
    const at = offsets[s] ?? 0;
    ids.set(tokens.subarray(0, length), at);
    labels.set(tokens.subarray(1), at);
    for (let i = 0; i < length; i++) positions[at + i] = i;
  }
  return { ids, offsets, positions, labels, epoch };
}
