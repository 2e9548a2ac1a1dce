import { TokenizerError } from '../errors';
import { PairTable } from '../models/pair-table';
import { type Candidate, MergeHeap } from './merge-heap';
import type { WordCounts } from './word-counts';

/** Settings of the training of merges; the names are those of Hugging Face's BpeTrainer. */
export interface MergeOptions {
  readonly vocabSize: number;
  readonly minFrequency?: number;
  readonly specialTokens?: readonly string[];
  readonly initialAlphabet?: readonly string[];
  readonly limitAlphabet?: number | null;
  readonly maxTokenLength?: number | null;
  readonly continuingSubwordPrefix?: string | null;
  readonly endOfWordSuffix?: string | null;
}

const byCodePoint = (a: string, b: string) => (a.codePointAt(0) as number) - (b.codePointAt(0) as number);

/**
 * Characters that become tokens: the initial ones and those seen, in code-point order. Of too many the rarest go,
 * ties to the higher code point.
 */
function alphabetOf({ words, counts }: WordCounts, options: MergeOptions): string[] {
  const seen = new Map<string, number>();
  words.forEach((word, i) => {
    for (const char of word) seen.set(char, (seen.get(char) ?? 0) + (counts[i] as number));
  });
  for (const text of options.initialAlphabet ?? []) {
    const [char] = text;
    if (char !== undefined) seen.set(char, Number.POSITIVE_INFINITY);
  }
  const sorted = [...seen].sort((a, b) => (a[1] === b[1] ? byCodePoint(a[0], b[0]) : b[1] - a[1]));
  return sorted
    .slice(0, options.limitAlphabet ?? sorted.length)
    .map(([char]) => char)
    .sort(byCodePoint);
}

/** The merges of one training run over counted words. */
export class Merger {
  readonly tokens: string[] = [];
  readonly ids = new Map<string, number>();
  readonly merges: [string, string][] = [];
  /** Length of each token in first symbols. */
  private readonly lengths: number[] = [];
  // Words lie one behind the other; a word shrinks in its place.
  private symbols = new Int32Array(0);
  private starts = new Int32Array(0);
  private sizes = new Int32Array(0);
  private readonly pairs = new PairTable(1 << 12);
  private readonly lefts: number[] = [];
  private readonly rights: number[] = [];
  private readonly pairCounts: number[] = [];
  private readonly heap = new MergeHeap();

  constructor(
    private readonly counted: WordCounts,
    private readonly options: MergeOptions,
  ) {
    const { vocabSize, specialTokens = [] } = options;
    if (!Number.isInteger(vocabSize) || vocabSize < 1 || vocabSize > 2 ** 24) {
      throw new TokenizerError(
        'invalid_argument',
        `[train] vocabSize: expected a whole number from 1 to ${2 ** 24}, got ${vocabSize}`,
      );
    }
    for (const token of specialTokens) this.add(token, 1);
    for (const char of alphabetOf(counted, options)) this.add(char, 1);
    if (vocabSize < this.tokens.length) {
      throw new TokenizerError(
        'invalid_argument',
        `[train] vocabSize: expected at least ${this.tokens.length} for the alphabet and the special tokens, got ${vocabSize}; limitAlphabet makes it smaller`,
      );
    }
    this.layOut();
    this.countPairs();
  }

  private add(token: string, length: number): number {
    const known = this.ids.get(token);
    if (known !== undefined) return known;
    this.ids.set(token, this.tokens.length);
    this.lengths.push(length);
    return this.tokens.push(token) - 1;
  }

  /** Words as symbols. Characters outside the alphabet are left out. */
  private layOut(): void {
    const { words } = this.counted;
    const { continuingSubwordPrefix: prefix, endOfWordSuffix: suffix } = this.options;
    const total = words.reduce((n, word) => n + word.length, 0);
    this.symbols = new Int32Array(total);
    this.starts = new Int32Array(words.length);
    this.sizes = new Int32Array(words.length);
    if (prefix || suffix) this.addAffixed(prefix ?? '', suffix ?? '');
    let n = 0;
    words.forEach((word, w) => {
      this.starts[w] = n;
      for (let at = 0; at < word.length; ) {
        const char = String.fromCodePoint(word.codePointAt(at) as number);
        const first = at === 0;
        at += char.length;
        if (!this.ids.has(char)) continue;
        const spelled = (prefix && !first ? prefix : '') + char + (suffix && at >= word.length ? suffix : '');
        this.symbols[n++] = this.ids.get(spelled) as number;
      }
      this.sizes[w] = n - (this.starts[w] as number);
    });
  }

  /** Characters inside a word and at its end are tokens of their own; in order, whatever the order of the words. */
  private addAffixed(prefix: string, suffix: string): void {
    const made = new Set<string>();
    for (const word of this.counted.words) {
      for (let at = 0; at < word.length; ) {
        const char = String.fromCodePoint(word.codePointAt(at) as number);
        const first = at === 0;
        at += char.length;
        if (this.ids.has(char)) made.add((first ? '' : prefix) + char + (at >= word.length ? suffix : ''));
      }
    }
    for (const token of [...made].sort()) this.add(token, 1);
  }

  private pairOf(left: number, right: number): number {
    const at = this.pairs.find(left, right);
    if (at >= 0) return this.pairs.first(at);
    const pair = this.pairCounts.push(0) - 1;
    this.lefts.push(left);
    this.rights.push(right);
    this.pairs.set(left, right, pair);
    return pair;
  }

  private countPairs(): void {
    const { symbols, starts, sizes } = this;
    const places: number[] = [];
    const lastWord: number[] = [];
    const walk = (visit: (pair: number, word: number) => void) => {
      for (let w = 0; w < starts.length; w++) {
        const start = starts[w] as number;
        const end = start + (sizes[w] as number) - 1;
        for (let i = start; i < end; i++) visit(this.pairOf(symbols[i] as number, symbols[i + 1] as number), w);
      }
    };
    walk((pair, w) => {
      this.pairCounts[pair] = (this.pairCounts[pair] as number) + (this.counted.counts[w] as number);
      if (lastWord[pair] === w) return;
      lastWord[pair] = w;
      places[pair] = (places[pair] ?? 0) + 1;
    });
    const lists = places.map((n) => new Int32Array(n));
    places.fill(0);
    lastWord.fill(-1);
    walk((pair, w) => {
      if (lastWord[pair] === w) return;
      lastWord[pair] = w;
      const at = places[pair] as number;
      (lists[pair] as Int32Array)[at] = w;
      places[pair] = at + 1;
    });
    lists.forEach((words, pair) => this.offer(pair, words));
  }

  private offer(pair: number, words: ArrayLike<number>): void {
    const count = this.pairCounts[pair] as number;
    if (count > 0)
      this.heap.push({ pair, left: this.lefts[pair] as number, right: this.rights[pair] as number, count, words });
  }

  /** True once the vocabulary is full. */
  get full(): boolean {
    return this.tokens.length >= this.options.vocabSize;
  }

  /** Makes one merge; false when there is none left to make. */
  step(): boolean {
    for (;;) {
      const top = this.heap.pop();
      if (top === undefined) return false;
      // A pair whose count changed while it waited is put back at its true place.
      if (top.count !== this.pairCounts[top.pair]) {
        this.offer(top.pair, top.words);
        continue;
      }
      if (top.count < Math.max(1, this.options.minFrequency ?? 0)) return false;
      this.merge(top);
      return true;
    }
  }

  private merge({ left, right, words }: Candidate): void {
    const { symbols, starts, sizes, lengths, pairCounts } = this;
    const { continuingSubwordPrefix: prefix } = this.options;
    const a = this.tokens[left] as string;
    const b = this.tokens[right] as string;
    const length = (lengths[left] as number) + (lengths[right] as number);
    const merged = this.add(a + (prefix && b.startsWith(prefix) ? b.slice(prefix.length) : b), length);
    this.merges.push([a, b]);
    const limit = this.options.maxTokenLength ?? Number.POSITIVE_INFINITY;
    const created = new Map<number, number[]>();
    const gain = (x: number, y: number, count: number, w: number) => {
      const pair = this.pairOf(x, y);
      pairCounts[pair] = (pairCounts[pair] as number) + count;
      const list = created.get(pair);
      if (list === undefined) created.set(pair, [w]);
      else if (list[list.length - 1] !== w) list.push(w);
    };
    const lose = (x: number, y: number, count: number) => {
      const pair = this.pairOf(x, y);
      pairCounts[pair] = (pairCounts[pair] as number) - count;
    };
    for (let k = 0; k < words.length; k++) {
      const w = words[k] as number;
      const count = this.counted.counts[w] as number;
      const start = starts[w] as number;
      const end = start + (sizes[w] as number);
      let write = start;
      for (let read = start; read < end; ) {
        const symbol = symbols[read] as number;
        if (symbol !== left || read + 1 >= end || symbols[read + 1] !== right) {
          symbols[write++] = symbol;
          read++;
          continue;
        }
        if (write > start) {
          const previous = symbols[write - 1] as number;
          lose(previous, left, count);
          if ((lengths[previous] as number) + length < limit) gain(previous, merged, count, w);
        }
        symbols[write++] = merged;
        read += 2;
        if (read < end) {
          const next = symbols[read] as number;
          lose(right, next, count);
          if ((lengths[next] as number) + length < limit) gain(merged, next, count, w);
        }
      }
      sizes[w] = write - start;
    }
    for (const [pair, list] of created) this.offer(pair, list);
  }
}
