import { Lattice, type Pieces } from './lattice';
import type { Pace } from './options';
import { preciseLog } from './precise-log';
import type { WordChars } from './word-counts';

/** The words that Unigram is trained on. */
export interface Sentences extends WordChars {
  readonly counts: Float64Array;
}

/** Pieces that are expected less often are dropped. */
const leastExpected = 0.5;

/** The pieces at these places of another list, with new scores if there are any. */
export function pick(pieces: Pieces, kept: readonly number[], score?: readonly number[]): Pieces {
  return {
    from: Int32Array.from(kept, (i) => pieces.from[i] as number),
    length: Int32Array.from(kept, (i) => pieces.length[i] as number),
    score: Float64Array.from(score ?? kept.map((i) => pieces.score[i] as number)),
  };
}

/** ψ(x), the derivative of ln Γ(x), for x > 0: recurrence up to 7, then the asymptotic series around x - ½. */
export function digamma(x: number): number {
  let result = 0;
  let y = x;
  while (y < 7) result -= 1 / y++;
  y -= 0.5;
  const v2 = (1 / y) * (1 / y);
  const v4 = v2 * v2;
  return result + (Math.log(y) + (1 / 24) * v2 - (7 / 960) * v4 + (31 / 8064) * v4 * v2 - (127 / 30720) * v4 * v4);
}

/**
 * One round of expectation and maximisation. The digamma function in the place of the logarithm is the mean-field step
 * of a sparse prior (Liang et al. 2007), as in SentencePiece.
 */
export async function improve(pieces: Pieces, sentences: Sentences, pace: Pace): Promise<Pieces> {
  const { chars, starts, counts } = sentences;
  const lattice = new Lattice(chars, pieces);
  const expected = new Float64Array(pieces.length.length);
  for (let w = 0; w < counts.length; w++) {
    lattice.expect(starts[w] as number, starts[w + 1] as number, counts[w] as number, expected);
    if ((w & 0xff) === 0 && pace.due) await pace.rest('pruning', pieces.length.length, null);
  }
  const kept = [0];
  let sum = 0;
  for (let i = 1; i < expected.length; i++) {
    if ((expected[i] as number) < leastExpected) continue;
    kept.push(i);
    sum += expected[i] as number;
  }
  const all = digamma(sum);
  return pick(
    pieces,
    kept,
    kept.map((i) => (i === 0 ? 0 : digamma(expected[i] as number) - all)),
  );
}

/**
 * Drops the pieces whose loss costs the least likelihood, each as if its occurrences were cut the second-best way,
 * until `size` are left. Kept are pieces that have no other cut.
 */
export async function prune(pieces: Pieces, sentences: Sentences, size: number, pace: Pace): Promise<Pieces> {
  const { chars, starts, counts } = sentences;
  const count = pieces.length.length;
  const lattice = new Lattice(chars, pieces);
  const freq = new Float64Array(count);
  let seen = 0;
  for (let w = 0; w < counts.length; w++) {
    const times = counts[w] as number;
    seen += times;
    for (const piece of lattice.best(starts[w] as number, starts[w + 1] as number)) {
      freq[piece] = (freq[piece] as number) + times;
    }
    if ((w & 0xff) === 0 && pace.due) await pace.rest('pruning', count, null);
  }
  const sum = freq.reduce((a, b) => a + b, 0);
  const kept = [0];
  const candidates: number[] = [];
  const loss = new Float64Array(count);
  for (let piece = 1; piece < count; piece++) {
    if ((piece & 0xff) === 0 && pace.due) await pace.rest('pruning', count, null);
    const other = lattice.without(piece);
    const f = freq[piece] as number;
    const only = other.pieces.length === 0;
    if (only || other.beaten) {
      // A piece that loses against its parts is dropped if no word uses it.
      if (only || f > 0) kept.push(piece);
      continue;
    }
    if (f === 0) continue;
    // The reference takes the number of all pieces for the number of the parts; so must we to drop what it drops.
    const sumWithout = preciseLog(sum + f * (count - 1));
    let without = 0;
    for (const part of other.pieces) without += preciseLog((freq[part] as number) + f) - sumWithout;
    loss[piece] = (f / seen) * (preciseLog(f) - preciseLog(sum) - without);
    candidates.push(piece);
  }
  candidates.sort((a, b) => (loss[b] as number) - (loss[a] as number) || a - b);
  for (const piece of candidates) {
    if (kept.length >= size) break;
    kept.push(piece);
  }
  return pick(pieces, kept);
}
