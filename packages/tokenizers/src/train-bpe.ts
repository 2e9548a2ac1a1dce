import { Bpe } from './bpe';
import { byteAlphabet, toByteChars } from './byte-alphabet';
import { TokenizerError } from './errors';
import { type PreTokenizer, byteLevel } from './pre-tokenizer';
import { Tokenizer } from './tokenizer';

/** Settings of `trainBpe`; the names and defaults are those of Hugging Face's BpeTrainer. */
export interface TrainBpeOptions {
  /** Number of tokens, special ones included. */
  readonly vocabSize: number;
  /** A pair seen less often is not merged; default 0. */
  readonly minFrequency?: number;
  /** Tokens that text can't be made of; they get the first ids. Default none. */
  readonly specialTokens?: readonly string[];
  /** Merged tokens stay shorter than this many characters; default no limit. */
  readonly maxTokenLength?: number;
  /** Default: GPT-2's byte-level split. */
  readonly preTokenizer?: PreTokenizer;
  /** Called now and then with the work done so far. */
  readonly onProgress?: (progress: {
    readonly stage: 'counting' | 'merging';
    readonly done: number;
    readonly total: number | null;
  }) => void;
}

interface Candidate {
  readonly left: number;
  readonly right: number;
  readonly count: number;
  readonly words: Set<number>;
}

// Ids stay below 2^21, so a pair is exact in a double.
const shift = 2 ** 21;

/** Highest count first; ties to the smaller left id, then the smaller right id. */
function before(a: Candidate, b: Candidate): boolean {
  if (a.count !== b.count) return a.count > b.count;
  return a.left !== b.left ? a.left < b.left : a.right < b.right;
}

class Heap {
  private readonly items: Candidate[] = [];

  push(item: Candidate): void {
    const { items } = this;
    let i = items.push(item) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (!before(item, items[parent] as Candidate)) break;
      items[i] = items[parent] as Candidate;
      i = parent;
    }
    items[i] = item;
  }

  pop(): Candidate | undefined {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (top === undefined || last === undefined || items.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= items.length) break;
      if (child + 1 < items.length && before(items[child + 1] as Candidate, items[child] as Candidate)) child++;
      if (!before(items[child] as Candidate, last)) break;
      items[i] = items[child] as Candidate;
      i = child;
    }
    items[i] = last;
    return top;
  }
}

async function countWords(
  texts: Iterable<string> | AsyncIterable<string>,
  split: PreTokenizer,
  options: TrainBpeOptions,
): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  let characters = 0;
  let reported = 0;
  for await (const text of texts) {
    split.forEachWord(text, (word) => counts.set(word, (counts.get(word) ?? 0) + 1));
    characters += text.length;
    if (characters - reported >= 1 << 20) {
      reported = characters;
      options.onProgress?.({ stage: 'counting', done: characters, total: null });
      await new Promise((turn) => setTimeout(turn));
    }
  }
  if (counts.size === 0) {
    throw new TokenizerError('invalid_argument', '[trainBpe] expected texts with at least one character, got none');
  }
  return counts;
}

/** The merges of one training run over counted words. */
class Merger {
  readonly tokens: string[] = [];
  readonly ids = new Map<string, number>();
  readonly merges: [string, string][] = [];
  private readonly words: number[][] = [];
  private readonly counts: number[] = [];
  private readonly pairCounts = new Map<number, number>();
  private readonly heap = new Heap();

  constructor(private readonly options: TrainBpeOptions) {
    for (const token of options.specialTokens ?? []) this.add(token);
    for (const char of byteAlphabet) this.add(char);
    if (options.vocabSize < this.tokens.length || options.vocabSize > shift) {
      throw new TokenizerError(
        'invalid_argument',
        `[trainBpe] expected a vocabulary from ${this.tokens.length} (bytes and special tokens) to ${shift} entries, got ${options.vocabSize}`,
      );
    }
  }

  private add(token: string): number {
    const known = this.ids.get(token);
    if (known !== undefined) return known;
    this.ids.set(token, this.tokens.length);
    return this.tokens.push(token) - 1;
  }

  load(counts: ReadonlyMap<string, number>): void {
    const places = new Map<number, Set<number>>();
    for (const [word, count] of counts) {
      const symbols = Array.from(toByteChars(word), (c) => this.ids.get(c) as number);
      const index = this.words.push(symbols) - 1;
      this.counts.push(count);
      for (let i = 0; i + 1 < symbols.length; i++) {
        const key = (symbols[i] as number) * shift + (symbols[i + 1] as number);
        this.pairCounts.set(key, (this.pairCounts.get(key) ?? 0) + count);
        const set = places.get(key);
        if (set === undefined) places.set(key, new Set([index]));
        else set.add(index);
      }
    }
    for (const [key, words] of places) this.offer(key, words);
  }

  private offer(key: number, words: Set<number>): void {
    const count = this.pairCounts.get(key) ?? 0;
    if (count > 0) this.heap.push({ left: Math.floor(key / shift), right: key % shift, count, words });
  }

  /** Makes one merge; false when there is none left to make. */
  step(): boolean {
    for (;;) {
      const top = this.heap.pop();
      if (top === undefined) return false;
      const key = top.left * shift + top.right;
      // A pair whose count changed while it waited is put back at its true place.
      if (top.count !== (this.pairCounts.get(key) ?? 0)) {
        this.offer(key, top.words);
        continue;
      }
      if (top.count < Math.max(1, this.options.minFrequency ?? 0)) return false;
      this.merge(top);
      return true;
    }
  }

  private merge(top: Candidate): void {
    const left = this.tokens[top.left] as string;
    const right = this.tokens[top.right] as string;
    const merged = this.add(left + right);
    this.merges.push([left, right]);
    const created = new Map<number, Set<number>>();
    const limit = this.options.maxTokenLength ?? Number.POSITIVE_INFINITY;
    const length = left.length + right.length;
    for (const w of top.words) {
      const word = this.words[w] as number[];
      const count = this.counts[w] as number;
      const change = (a: number, b: number, by: number): void => {
        const key = a * shift + b;
        this.pairCounts.set(key, (this.pairCounts.get(key) ?? 0) + by);
        if (by < 0) return;
        const set = created.get(key);
        if (set === undefined) created.set(key, new Set([w]));
        else set.add(w);
      };
      const short = (id: number) => (this.tokens[id] as string).length + length < limit;
      for (let i = 0; i + 1 < word.length; i++) {
        if (word[i] !== top.left || word[i + 1] !== top.right) continue;
        const previous = word[i - 1];
        const next = word[i + 2];
        if (previous !== undefined) {
          change(previous, top.left, -count);
          if (short(previous)) change(previous, merged, count);
        }
        word.splice(i, 2, merged);
        if (next !== undefined) {
          change(top.right, next, -count);
          if (short(next)) change(merged, next, count);
        }
      }
    }
    for (const [key, words] of created) this.offer(key, words);
  }
}

/**
 * Trains a byte-level BPE tokenizer. Words are counted after pre-tokenisation; ids go to the special tokens, to the 256
 * bytes, then to the merges; each step merges the pair with the highest count, ties to the smaller ids. Deterministic,
 * and equal to what Hugging Face's trainer makes of the same texts.
 *
 * @param texts Any number of texts, also asynchronous; only their word counts are held.
 * @throws TokenizerError `invalid_argument` for no text, or a vocabulary too small for the bytes.
 * @see Sennrich et al. 2016, "Neural machine translation of rare words with subword units".
 *
 * @example
 * ```ts
 * import { trainBpe } from '@tessera-llm/tokenizers';
 * const tokenizer = await trainBpe(['low lower lowest'], { vocabSize: 260, specialTokens: ['<|end|>'] });
 * console.log(tokenizer.encode('lower').tokens);
 * ```
 */
export async function trainBpe(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainBpeOptions,
): Promise<Tokenizer> {
  const preTokenizer = options.preTokenizer ?? byteLevel();
  const merger = new Merger(options);
  merger.load(await countWords(texts, preTokenizer, options));
  let turn = performance.now();
  while (merger.tokens.length < options.vocabSize && merger.step()) {
    if (performance.now() - turn > 200) {
      options.onProgress?.({ stage: 'merging', done: merger.tokens.length, total: options.vocabSize });
      await new Promise((next) => setTimeout(next));
      turn = performance.now();
    }
  }
  options.onProgress?.({ stage: 'merging', done: merger.tokens.length, total: options.vocabSize });
  return new Tokenizer({
    model: new Bpe({ vocab: merger.ids, merges: merger.merges }),
    preTokenizer,
    addedTokens: (options.specialTokens ?? []).map((content) => ({
      id: merger.ids.get(content) as number,
      content,
      special: true,
    })),
  });
}
