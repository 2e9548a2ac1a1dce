import type { PairTable } from './pair-table';

/** Longer words are merged with a heap; below, scanning for the best pair is faster. */
const scanLimit = 40;
const none = 0x7fffffff;

/** Chance of leaving out a merge, for training on varied segmentations. */
export interface Dropout {
  readonly rate: number;
  /** Uniform in [0, 1). */
  readonly random: () => number;
}

/** A small generator of uniform numbers (mulberry32). */
export function randomFrom(seed: number): () => number {
  let state = seed | 0;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/**
 * Merges symbols pair by pair, the pair of lowest rank first and the leftmost of equals, in place.
 *
 * @param symbols Ids; the first `count` are the word and hold the result.
 * @param sizes Their sizes, added up where symbols merge; or null.
 * @param merges Pair → rank, id.
 * @returns The number of symbols left.
 */
export function mergeSymbols(symbols: Int32Array, sizes: Int32Array | null, count: number, merges: PairTable): number {
  if (count < 2) return count;
  return count <= scanLimit ? mergeByScan(symbols, sizes, count, merges) : mergeByHeap(symbols, sizes, count, merges);
}

const ranks = new Int32Array(scanLimit);
const targets = new Int32Array(scanLimit);

function lookUp(i: number, a: number, b: number, merges: PairTable): void {
  const at = merges.find(a, b);
  ranks[i] = at < 0 ? none : merges.first(at);
  if (at >= 0) targets[i] = merges.second(at);
}

function mergeByScan(symbols: Int32Array, sizes: Int32Array | null, count: number, merges: PairTable): number {
  for (let i = 0; i + 1 < count; i++) lookUp(i, symbols[i] as number, symbols[i + 1] as number, merges);
  return mergeRanked(symbols, sizes, count, merges);
}

/** Merges where `ranks` and `targets` hold the pairs' merges. */
function mergeRanked(symbols: Int32Array, sizes: Int32Array | null, count: number, merges: PairTable): number {
  let n = count;
  for (;;) {
    let best = -1;
    let least = none;
    for (let i = 0; i + 1 < n; i++) {
      const rank = ranks[i] as number;
      if (rank < least) {
        least = rank;
        best = i;
      }
    }
    if (best < 0) return n;
    symbols[best] = targets[best] as number;
    if (sizes !== null) sizes[best] = (sizes[best] as number) + (sizes[best + 1] as number);
    n--;
    for (let i = best + 1; i < n; i++) {
      symbols[i] = symbols[i + 1] as number;
      ranks[i] = ranks[i + 1] as number;
      targets[i] = targets[i + 1] as number;
      if (sizes !== null) sizes[i] = sizes[i + 1] as number;
    }
    if (best + 1 < n) lookUp(best, symbols[best] as number, symbols[best + 1] as number, merges);
    if (best > 0) lookUp(best - 1, symbols[best - 1] as number, symbols[best] as number, merges);
  }
}

/** The same for words of bytes: the first pairs are read from a table of all 65,536. */
export class BytePairs {
  /** Bytes of the longest word that `merge` takes. */
  static readonly longest = scanLimit;
  /** Two bytes → place of their merge, or -1. */
  private readonly places = new Int32Array(1 << 16);

  /** @param byteIds The ids of the 256 bytes. */
  constructor(
    private readonly byteIds: Int32Array,
    private readonly merges: PairTable,
  ) {
    for (let a = 0; a < 256; a++)
      for (let b = 0; b < 256; b++) this.places[(a << 8) | b] = merges.find(byteIds[a] as number, byteIds[b] as number);
  }

  /** Writes the tokens of bytes [from, to) to `symbols`; gives their number. */
  merge(bytes: Uint8Array, from: number, to: number, symbols: Int32Array): number {
    const { byteIds, merges, places } = this;
    const n = to - from;
    let byte = bytes[from] as number;
    symbols[0] = byteIds[byte] as number;
    for (let i = 1; i < n; i++) {
      const next = bytes[from + i] as number;
      symbols[i] = byteIds[next] as number;
      const at = places[(byte << 8) | next] as number;
      ranks[i - 1] = at < 0 ? none : merges.first(at);
      targets[i - 1] = at < 0 ? 0 : merges.second(at);
      byte = next;
    }
    return mergeRanked(symbols, null, n, merges);
  }
}

/** Waiting merges, the lowest rank on top, of equals the one at the lowest place. */
class MergeQueue {
  private ranks: Int32Array;
  private places: Int32Array;
  private targets: Int32Array;
  size = 0;
  rank = 0;
  place = 0;
  target = 0;

  constructor(capacity: number) {
    this.ranks = new Int32Array(capacity);
    this.places = new Int32Array(capacity);
    this.targets = new Int32Array(capacity);
  }

  push(rank: number, place: number, target: number): void {
    if (this.size === this.ranks.length) {
      this.ranks = doubled(this.ranks);
      this.places = doubled(this.places);
      this.targets = doubled(this.targets);
    }
    const { ranks, places, targets } = this;
    let i = this.size++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = ranks[parent] as number;
      if (above < rank || (above === rank && (places[parent] as number) < place)) break;
      ranks[i] = above;
      places[i] = places[parent] as number;
      targets[i] = targets[parent] as number;
      i = parent;
    }
    ranks[i] = rank;
    places[i] = place;
    targets[i] = target;
  }

  /** Takes the top into `rank`, `place` and `target`. */
  pop(): void {
    const { ranks, places, targets } = this;
    this.rank = ranks[0] as number;
    this.place = places[0] as number;
    this.target = targets[0] as number;
    const n = --this.size;
    const rank = ranks[n] as number;
    const place = places[n] as number;
    const target = targets[n] as number;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= n) break;
      const right = child + 1;
      if (right < n) {
        const r = ranks[right] as number;
        const c = ranks[child] as number;
        if (r < c || (r === c && (places[right] as number) < (places[child] as number))) child = right;
      }
      const least = ranks[child] as number;
      if (least > rank || (least === rank && (places[child] as number) > place)) break;
      ranks[i] = least;
      places[i] = places[child] as number;
      targets[i] = targets[child] as number;
      i = child;
    }
    ranks[i] = rank;
    places[i] = place;
    targets[i] = target;
  }
}

function doubled(array: Int32Array): Int32Array {
  const out = new Int32Array(array.length * 2);
  out.set(array);
  return out;
}

/** Symbols of words for which a list and a queue are at hand. */
const usual = 1 << 10;
const usualNext = new Int32Array(usual);
const usualPrevious = new Int32Array(usual);
const usualQueue = new MergeQueue(usual);

/** The same merges in O(n log n): a linked list of symbols and a heap of merges. */
export function mergeByHeap(
  symbols: Int32Array,
  sizes: Int32Array | null,
  count: number,
  merges: PairTable,
  dropout: Dropout | null = null,
): number {
  const isUsual = count <= usual;
  const next = isUsual ? usualNext : new Int32Array(count);
  const previous = isUsual ? usualPrevious : new Int32Array(count);
  for (let i = 0; i < count; i++) {
    next[i] = i + 1;
    previous[i] = i - 1;
  }
  const queue = isUsual ? usualQueue : new MergeQueue(count);
  queue.size = 0;
  const offer = (place: number) => {
    const right = next[place] as number;
    if (right >= count) return;
    const at = merges.find(symbols[place] as number, symbols[right] as number);
    if (at >= 0) queue.push(merges.first(at), place, merges.second(at));
  };
  for (let i = 0; i + 1 < count; i++) offer(i);
  const skipped: [number, number, number][] = [];
  while (queue.size > 0) {
    queue.pop();
    const { rank, place, target } = queue;
    if (dropout !== null && dropout.random() < dropout.rate) {
      skipped.push([rank, place, target]);
      continue;
    }
    for (const [r, p, t] of skipped.splice(0)) queue.push(r, p, t);
    const left = symbols[place] as number;
    const right = next[place] as number;
    if (left < 0 || right >= count) continue;
    // Stale: one of the two symbols was merged meanwhile.
    const at = merges.find(left, symbols[right] as number);
    if (at < 0 || merges.first(at) !== rank || merges.second(at) !== target) continue;
    symbols[place] = target;
    symbols[right] = -1;
    if (sizes !== null) sizes[place] = (sizes[place] as number) + (sizes[right] as number);
    const after = next[right] as number;
    next[place] = after;
    if (after < count) previous[after] = place;
    offer(place);
    if ((previous[place] as number) >= 0) offer(previous[place] as number);
  }
  let n = 0;
  for (let i = 0; i < count; i++) {
    if ((symbols[i] as number) < 0) continue;
    symbols[n] = symbols[i] as number;
    if (sizes !== null) sizes[n] = sizes[i] as number;
    n++;
  }
  return n;
}
