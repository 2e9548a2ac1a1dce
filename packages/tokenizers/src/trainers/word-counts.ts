import { TokenizerError } from '../errors';
import { Utf8Chunks } from '../fast/chunks';
import { scannerOf } from '../fast/create';
import type { Scanner } from '../fast/scanners';
import { WordTable } from '../fast/word-table';
import type { Normalizer } from '../normalizers/normalizer';
import type { PreTokenizer } from '../pre-tokenizers/pre-tokenizer';
import { AlignedText } from '../text/aligned-text';
import { byteToChar } from '../text/byte-alphabet';
import { findLoneSurrogate } from '../text/unicode';

/** Words and how often each was seen. */
export interface WordCounts {
  readonly words: readonly string[];
  readonly counts: readonly number[];
  readonly report: CountReport;
}

/** What was counted, and what was given up to stay in memory. */
export interface CountReport {
  readonly texts: number;
  /** UTF-16 units. */
  readonly units: number;
  readonly distinctWords: number;
  /** Rare words that were dropped because there were more than `maxWords`; 0 means that the counts are exact. */
  readonly prunedWords: number;
  /** How often they had been seen. */
  readonly prunedOccurrences: number;
}

/** What goes before the counting. */
export interface CountPipeline {
  readonly normalizer?: Normalizer | null;
  readonly preTokenizer?: PreTokenizer | null;
  /** Distinct words that are held at most; default 2,000,000. Beyond it the rarest are dropped. */
  readonly maxWords?: number;
}

/** Counts the words of texts in bounded memory. */
export class WordCounter {
  private readonly scan: Scanner | null;
  private readonly chunks = new Utf8Chunks();
  private table = new WordTable(Number.POSITIVE_INFINITY);
  private readonly others = new Map<string, number>();
  private readonly most: number;
  private texts = 0;
  private units = 0;
  private prunedWords = 0;
  private prunedOccurrences = 0;

  constructor(private readonly pipeline: CountPipeline) {
    this.most = pipeline.maxWords ?? 2_000_000;
    if (!Number.isInteger(this.most) || this.most < 1000) {
      throw new TokenizerError(
        'invalid_argument',
        `[train] maxWords: expected a whole number of at least 1000, got ${this.most}`,
      );
    }
    this.scan = pipeline.preTokenizer ? scannerOf(pipeline.preTokenizer) : null;
  }

  add(text: string): void {
    const lone = findLoneSurrogate(text);
    if (lone >= 0)
      throw new TokenizerError(
        'invalid_text',
        `[train] expected well-formed text, got a lone surrogate at place ${lone} of text ${this.texts}`,
      );
    this.texts++;
    this.units += text.length;
    const { normalizer, preTokenizer } = this.pipeline;
    if (this.scan !== null) {
      const made = normalizer ? normalizer.normalize(AlignedText.untracked(text)).text : text;
      this.scanText(made, this.scan);
    } else {
      const plain = AlignedText.untracked(text);
      const made = normalizer ? normalizer.normalize(plain) : plain;
      for (const word of preTokenizer ? preTokenizer.split(made) : [made]) this.count(word.text, 1);
    }
    if (this.table.size + this.others.size > this.most) this.prune();
  }

  private count(word: string, by: number): void {
    if (word !== '') this.others.set(word, (this.others.get(word) ?? 0) + by);
  }

  private scanText(text: string, scan: Scanner): void {
    const { chunks } = this;
    chunks.open(text, 0, text.length);
    while (chunks.next()) {
      const { bytes, view, length } = chunks;
      for (let at = 0; at < length; ) {
        const end = scan(bytes, at, length);
        // The table is for words; what is longer than any is kept as a string.
        if (end - at > 4096) this.count(byteWord(bytes.subarray(at, end)), 1);
        else {
          const known = this.table.find(view, at, end);
          if (known >= 0) this.table.setValue(known, Math.min(0x7fffffff, this.table.value(known) + 1));
          else this.table.insert(view, at, end, 1);
        }
        at = end;
      }
      if (this.table.size + this.others.size > this.most) this.prune();
    }
  }

  /** Adds what another counter counted. */
  merge(other: WordCounts): void {
    other.words.forEach((word, i) => this.count(word, other.counts[i] as number));
    this.texts += other.report.texts;
    this.units += other.report.units;
    this.prunedWords += other.report.prunedWords;
    this.prunedOccurrences += other.report.prunedOccurrences;
    if (this.others.size > this.most) this.prune();
  }

  /** Drops the rarest words until half of the room is free. */
  private prune(): void {
    const histogram = new Map<number, number>();
    const note = (count: number) => histogram.set(count, (histogram.get(count) ?? 0) + 1);
    this.table.forEach((_, count) => note(count));
    for (const count of this.others.values()) note(count);
    let left = this.table.size + this.others.size;
    let threshold = 0;
    while (left > this.most / 2) left -= histogram.get(++threshold) ?? 0;
    const dropped = (count: number) => {
      if (count > threshold) return false;
      this.prunedWords++;
      this.prunedOccurrences += count;
      return true;
    };
    const kept = new WordTable(Number.POSITIVE_INFINITY);
    const scratch = new Uint8Array(4096 + 8);
    const view = new DataView(scratch.buffer);
    this.table.forEach((bytes, count) => {
      if (dropped(count)) return;
      scratch.set(bytes);
      if (kept.find(view, 0, bytes.length) < 0) kept.insert(view, 0, bytes.length, count);
    });
    this.table = kept;
    for (const [word, count] of this.others) if (dropped(count)) this.others.delete(word);
  }

  /** @throws TokenizerError `invalid_argument` if no word was seen. */
  finish(): WordCounts {
    const words: string[] = [];
    const counts: number[] = [];
    this.table.forEach((bytes, count) => {
      words.push(byteWord(bytes));
      counts.push(count);
    });
    for (const [word, count] of this.others) {
      words.push(word);
      counts.push(count);
    }
    const { texts, units, prunedWords, prunedOccurrences } = this;
    return { words, counts, report: { texts, units, distinctWords: words.length, prunedWords, prunedOccurrences } };
  }
}

function byteWord(bytes: Uint8Array): string {
  let word = '';
  for (let i = 0; i < bytes.length; i++) word += byteToChar(bytes[i] as number);
  return word;
}

/** What training tells about itself as it goes. */
export interface TrainProgress {
  readonly stage: 'counting' | 'seeding' | 'merging' | 'pruning';
  /** Units counted, or tokens made or left. */
  readonly done: number;
  /** null where it is not known. */
  readonly total: number | null;
}

/** Settings that all trainers share. */
export interface TrainOptions extends CountPipeline {
  /** Called now and then with the work done so far; may throw to stop. */
  readonly onProgress?: (progress: TrainProgress) => void;
  /** Called once with what was counted. */
  readonly onReport?: (report: CountReport) => void;
  /** Counts elsewhere, as the worker threads of `@tessera-llm/tokenizers/node` do; default in this thread. */
  readonly counter?: (texts: Iterable<string> | AsyncIterable<string>, pipeline: CountPipeline) => Promise<WordCounts>;
}

/** Gives the event loop a turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Counts the words of all texts. @throws TokenizerError `invalid_argument` for no text. */
export async function countWords(
  texts: Iterable<string> | AsyncIterable<string>,
  options: TrainOptions,
): Promise<WordCounts> {
  const counted = options.counter ? await options.counter(texts, options) : await countHere(texts, options);
  if (counted.words.length === 0)
    throw new TokenizerError('invalid_argument', '[train] expected texts with at least one character, got none');
  options.onReport?.(counted.report);
  return counted;
}

async function countHere(texts: Iterable<string> | AsyncIterable<string>, options: TrainOptions): Promise<WordCounts> {
  const counter = new WordCounter(options);
  let units = 0;
  let reported = 0;
  for await (const text of texts) {
    counter.add(text);
    units += text.length;
    if (units - reported < 1 << 20) continue;
    reported = units;
    options.onProgress?.({ stage: 'counting', done: units, total: null });
    await turn();
  }
  return counter.finish();
}
