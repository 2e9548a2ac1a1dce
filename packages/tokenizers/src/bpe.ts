import { TokenizerError } from './errors';

// Token ids stay below 2^21, so a pair of ids, and a rank with an id, are exact in a double.
const shift = 2 ** 21;
/** Longer words are merged with a heap; below, scanning for the best pair is faster. */
const scanLimit = 64;

/** Settings of a byte-level BPE model. */
export interface BpeOptions {
  /** Token text (in the byte alphabet) → id. */
  readonly vocab: ReadonlyMap<string, number>;
  /** Pairs in order of rank. */
  readonly merges: readonly (readonly [string, string])[];
  /** A word that is a token is taken whole, whatever the merges say; Llama 3's. Default false. */
  readonly ignoreMerges?: boolean;
}

/**
 * Byte-pair encoding: the word's characters are merged pair by pair, the pair of lowest rank first.
 *
 * @see Sennrich et al. 2016, "Neural machine translation of rare words with subword units".
 */
export class Bpe {
  readonly ignoreMerges: boolean;
  readonly merges: readonly (readonly [string, string])[];
  private readonly ranks = new Map<number, number>();
  private readonly tokens: (string | undefined)[] = [];

  constructor(private readonly options: BpeOptions) {
    this.ignoreMerges = options.ignoreMerges ?? false;
    this.merges = options.merges;
    for (const [token, id] of options.vocab) {
      if (!Number.isInteger(id) || id < 0 || id >= shift) {
        throw new TokenizerError(
          'invalid_file',
          `[BPE] expected ids from 0 to ${shift - 1}, got ${id} for ${JSON.stringify(token)}`,
        );
      }
      if (this.tokens[id] !== undefined) {
        throw new TokenizerError(
          'invalid_file',
          `[BPE] the id ${id} is given to ${JSON.stringify(this.tokens[id])} and ${JSON.stringify(token)}`,
        );
      }
      this.tokens[id] = token;
    }
    options.merges.forEach(([left, right], rank) => {
      const a = options.vocab.get(left);
      const b = options.vocab.get(right);
      const merged = options.vocab.get(left + right);
      if (a === undefined || b === undefined || merged === undefined) {
        throw new TokenizerError(
          'invalid_file',
          `[BPE] merge ${rank} (${JSON.stringify(left)}, ${JSON.stringify(right)}) names a token that is not in the vocabulary`,
        );
      }
      const key = a * shift + b;
      if (!this.ranks.has(key)) this.ranks.set(key, rank * shift + merged);
    });
  }

  get vocab(): ReadonlyMap<string, number> {
    return this.options.vocab;
  }

  /** The token of an id, or undefined. */
  token(id: number): string | undefined {
    return this.tokens[id];
  }

  /** Ids of one word, given in the byte alphabet. */
  encodeWord(word: string): number[] {
    const { vocab } = this.options;
    if (this.ignoreMerges) {
      const whole = vocab.get(word);
      if (whole !== undefined) return [whole];
    }
    const ids: number[] = [];
    for (const char of word) {
      const id = vocab.get(char);
      if (id === undefined) {
        throw new TokenizerError(
          'token_not_found',
          `[BPE] the vocabulary has no token for the byte ${JSON.stringify(char)}`,
        );
      }
      ids.push(id);
    }
    return ids.length > scanLimit ? this.mergeByHeap(ids) : this.mergeByScan(ids);
  }

  private rank(a: number, b: number): number {
    return this.ranks.get(a * shift + b) ?? Number.POSITIVE_INFINITY;
  }

  private mergeByScan(ids: number[]): number[] {
    const ranks: number[] = [];
    for (let i = 0; i + 1 < ids.length; i++) ranks.push(this.rank(ids[i] as number, ids[i + 1] as number));
    while (ranks.length > 0) {
      let best = 0;
      for (let i = 1; i < ranks.length; i++) if ((ranks[i] as number) < (ranks[best] as number)) best = i;
      const found = ranks[best] as number;
      if (found === Number.POSITIVE_INFINITY) break;
      ids[best] = found % shift;
      ids.splice(best + 1, 1);
      ranks.splice(best, 1);
      if (best > 0) ranks[best - 1] = this.rank(ids[best - 1] as number, ids[best] as number);
      if (best < ranks.length) ranks[best] = this.rank(ids[best] as number, ids[best + 1] as number);
    }
    return ids;
  }

  /** The same merges in O(n log n): a linked list of symbols and a heap of (rank, place). */
  private mergeByHeap(ids: number[]): number[] {
    const n = ids.length;
    const next = Int32Array.from({ length: n }, (_, i) => i + 1);
    const previous = Int32Array.from({ length: n }, (_, i) => i - 1);
    const heap: { found: number; at: number; left: number; right: number }[] = [];
    const before = (p: number, q: number) => {
      const x = heap[p] as (typeof heap)[0];
      const y = heap[q] as (typeof heap)[0];
      const byRank = Math.floor(x.found / shift) - Math.floor(y.found / shift);
      return byRank !== 0 ? byRank < 0 : x.at < y.at;
    };
    const swap = (p: number, q: number) => {
      const x = heap[p] as (typeof heap)[0];
      heap[p] = heap[q] as (typeof heap)[0];
      heap[q] = x;
    };
    const push = (at: number) => {
      const to = next[at] as number;
      if (to >= n) return;
      const left = ids[at] as number;
      const right = ids[to] as number;
      const found = this.rank(left, right);
      if (found === Number.POSITIVE_INFINITY) return;
      heap.push({ found, at, left, right });
      for (let i = heap.length - 1; i > 0; ) {
        const parent = (i - 1) >> 1;
        if (!before(i, parent)) break;
        swap(i, parent);
        i = parent;
      }
    };
    const pop = () => {
      const top = heap[0] as (typeof heap)[0];
      const last = heap.pop() as (typeof heap)[0];
      if (heap.length > 0) {
        heap[0] = last;
        for (let i = 0; ; ) {
          let least = i;
          for (const child of [2 * i + 1, 2 * i + 2]) if (child < heap.length && before(child, least)) least = child;
          if (least === i) break;
          swap(i, least);
          i = least;
        }
      }
      return top;
    };
    for (let i = 0; i < n; i++) push(i);
    while (heap.length > 0) {
      const { found, at, left, right } = pop();
      const to = next[at] as number;
      // Stale: one of the two symbols was merged meanwhile.
      if (ids[at] !== left || to >= n || ids[to] !== right) continue;
      ids[at] = found % shift;
      ids[to] = -1;
      next[at] = next[to] as number;
      if ((next[at] as number) < n) previous[next[at] as number] = at;
      push(at);
      if ((previous[at] as number) >= 0) push(previous[at] as number);
    }
    return ids.filter((id) => id >= 0);
  }
}
