import { TokenizerError } from '../errors';
import { PairTable } from '../models/pair-table';
import { type AlphabetOptions, alphabetOf } from './alphabet';
import { type Candidate, MergeHeap } from './merge-heap';
import type { Pace } from './options';
import { PairLists } from './pair-lists';
import { type WordCounts, charsOf } from './word-counts';

/** Settings of the merging. */
export interface MergeOptions extends AlphabetOptions {
  readonly vocabSize: number;
  readonly minFrequency: number;
  readonly specialTokens: readonly string[];
  readonly maxTokenLength: number;
  readonly prefix: string;
  readonly suffix: string;
}

/** The merges of one training run over counted words. */
export class Merger {
  readonly tokens: string[] = [];
  readonly ids = new Map<string, number>();
  private readonly made: number[] = [];
  private readonly alphabet: readonly number[];
  private readonly counts: Float64Array;
  // Words lie one behind the other; a word shrinks in its place.
  private readonly symbols: Int32Array;
  private readonly starts: Int32Array;
  private readonly sizes: Int32Array;
  /**
   * First symbols in each symbol, if there is a longest token: one token can be spelled of more or fewer, as `##a` of
   * the text "##a" and of an `a` inside a word.
   */
  private readonly spans: Int32Array | null;
  private readonly pairs = new PairTable(1 << 12);
  private readonly lefts: number[] = [];
  private readonly rights: number[] = [];
  private readonly pairCounts: number[] = [];
  private readonly heap = new MergeHeap();

  private constructor(
    counted: WordCounts,
    private readonly options: MergeOptions,
  ) {
    const words = charsOf(counted);
    this.counts = counted.counts;
    this.symbols = words.chars;
    this.starts = words.starts;
    this.sizes = new Int32Array(counted.lengths.length);
    this.spans =
      options.maxTokenLength === Number.POSITIVE_INFINITY ? null : new Int32Array(this.symbols.length).fill(1);
    for (const token of options.specialTokens) this.add(token);
    this.alphabet = alphabetOf(words, counted.counts, options);
    for (const char of this.alphabet) this.add(String.fromCodePoint(char));
    if (options.vocabSize < this.tokens.length) {
      throw new TokenizerError(
        'invalid_argument',
        `[train] vocabSize: expected at least ${this.tokens.length} for the alphabet and the special tokens, got ${options.vocabSize}; limitAlphabet makes it smaller`,
      );
    }
  }

  /** Spells the words and counts their pairs, which takes seconds for millions of words. */
  static async of(counted: WordCounts, options: MergeOptions, pace: Pace): Promise<Merger> {
    const merger = new Merger(counted, options);
    // A special token of one character is in the vocabulary, so words may hold it whatever the alphabet's limit left.
    const single = options.specialTokens.filter((token) => [...token].length === 1);
    await merger.spell(new Set([...merger.alphabet, ...single.map((token) => token.codePointAt(0) as number)]), pace);
    await merger.countPairs(pace);
    return merger;
  }

  private add(token: string): number {
    const known = this.ids.get(token);
    if (known !== undefined) return known;
    this.ids.set(token, this.tokens.length);
    return this.tokens.push(token) - 1;
  }

  /**
   * Turns characters into first symbols: with a prefix or suffix, a character inside a word and one at its end are
   * tokens of their own. Those get their ids in order, whatever the order of the words.
   */
  private async spell(known: ReadonlySet<number>, pace: Pace): Promise<void> {
    const { symbols, starts, sizes } = this;
    const { prefix, suffix } = this.options;
    // 4 · character + 2 · (not the first) + (the last)
    const form = (i: number, from: number, to: number) =>
      4 * (symbols[i] as number) + (prefix !== '' && i > from ? 2 : 0) + (suffix !== '' && i === to - 1 ? 1 : 0);
    const idOf = new Map<number, number>();
    for (let w = 0; w < sizes.length; w++) {
      if ((w & 0xff) === 0 && pace.due) await this.rest(pace);
      const to = starts[w + 1] as number;
      for (let i = starts[w] as number; i < to; i++) {
        if (known.has(symbols[i] as number)) idOf.set(form(i, starts[w] as number, to), -1);
      }
    }
    for (const key of [...idOf.keys()].sort((a, b) => a - b)) {
      const char = String.fromCodePoint(Math.floor(key / 4));
      idOf.set(key, this.add((key & 2 ? prefix : '') + char + (key & 1 ? suffix : '')));
    }
    for (let w = 0; w < sizes.length; w++) {
      if ((w & 0xff) === 0 && pace.due) await this.rest(pace);
      const from = starts[w] as number;
      const to = starts[w + 1] as number;
      let n = from;
      for (let i = from; i < to; i++) {
        // Characters that are no tokens are left out.
        const id = idOf.get(form(i, from, to));
        if (id !== undefined) symbols[n++] = id;
      }
      sizes[w] = n - from;
    }
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

  private async countPairs(pace: Pace): Promise<void> {
    const { symbols, starts, sizes, pairCounts } = this;
    const lists = new PairLists();
    for (let w = 0; w < sizes.length; w++) {
      if ((w & 0xff) === 0 && pace.due) await this.rest(pace);
      const start = starts[w] as number;
      const end = start + (sizes[w] as number) - 1;
      for (let i = start; i < end; i++) {
        const pair = this.pairOf(symbols[i] as number, symbols[i + 1] as number);
        pairCounts[pair] = (pairCounts[pair] as number) + (this.counts[w] as number);
        lists.add(pair, w);
      }
    }
    lists.drain((pair, words) => this.offer(pair, words));
  }

  private rest(pace: Pace): Promise<void> {
    return pace.rest('merging', this.tokens.length, this.options.vocabSize);
  }

  private offer(pair: number, words: Int32Array): void {
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
      if (top.count < Math.max(1, this.options.minFrequency)) return false;
      this.merge(top);
      return true;
    }
  }

  private readonly created = new PairLists();

  private merge({ pair, left, right, words }: Candidate): void {
    const { symbols, starts, sizes, spans, pairCounts, created, counts } = this;
    const { prefix, maxTokenLength } = this.options;
    const a = this.tokens[left] as string;
    const b = this.tokens[right] as string;
    // A merge that spells a known token takes its id.
    const merged = this.add(a + (prefix !== '' && b.startsWith(prefix) ? b.slice(prefix.length) : b));
    this.made.push(pair);
    const change = (x: number, y: number, by: number): number => {
      const changed = this.pairOf(x, y);
      pairCounts[changed] = (pairCounts[changed] as number) + by;
      return changed;
    };
    // Whether symbols at two places may become a token.
    const fits = (i: number, k: number) =>
      spans === null || (spans[i] as number) + (spans[k] as number) < maxTokenLength;
    for (let k = 0; k < words.length; k++) {
      const w = words[k] as number;
      const count = counts[w] as number;
      const start = starts[w] as number;
      const end = start + (sizes[w] as number);
      let write = start;
      for (let read = start; read < end; ) {
        const symbol = symbols[read] as number;
        if (symbol !== left || read + 1 >= end || symbols[read + 1] !== right) {
          if (spans !== null) spans[write] = spans[read] as number;
          symbols[write++] = symbol;
          read++;
          continue;
        }
        if (spans !== null) spans[write] = (spans[read] as number) + (spans[read + 1] as number);
        if (write > start) {
          const previous = symbols[write - 1] as number;
          change(previous, left, -count);
          if (fits(write - 1, write)) created.add(change(previous, merged, count), w);
        }
        symbols[write++] = merged;
        read += 2;
        if (read < end) {
          const next = symbols[read] as number;
          change(right, next, -count);
          if (fits(write - 1, read)) created.add(change(merged, next, count), w);
        }
      }
      sizes[w] = write - start;
    }
    created.drain((p, list) => this.offer(p, list));
  }

  /** The merges in order. One pair can be merged twice, where it came up again later; the last time counts. */
  merges(): [string, string][] {
    const last = new Map(this.made.map((pair, i) => [pair, i]));
    return this.made
      .filter((pair, i) => last.get(pair) === i)
      .map((pair) => [
        this.tokens[this.lefts[pair] as number] as string,
        this.tokens[this.rights[pair] as number] as string,
      ]);
  }
}
