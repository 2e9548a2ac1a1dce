import { isRecord, shown } from '../config';
import type { AddedToken } from '../encode/added-tokens';
import { TokenizerError } from '../errors';
import type { Decoder } from '../decoders/decoder';
import type { Normalizer } from '../normalizers/normalizer';
import type { PostProcessor } from '../post-processors/post-processor';
import type { PreTokenizer } from '../pre-tokenizers/pre-tokenizer';
import { findLoneSurrogate } from '../text/unicode';
import type { CountReport, WordCounts } from './word-counts';

/** Texts to train on: any number, of any size. */
export type Texts = Iterable<string> | AsyncIterable<string>;

/** What training tells about itself as it goes. */
export interface TrainProgress {
  /** Words are counted first; then Unigram seeds and prunes pieces, the others merge. */
  readonly stage: 'counting' | 'seeding' | 'merging' | 'pruning';
  /** UTF-16 units counted, or tokens made or left. */
  readonly done: number;
  /** null where it is not known. */
  readonly total: number | null;
}

/** What goes before the counting of words, and how much of it is held. */
export interface CountPipeline {
  /** Default: see the trainer; null for none. */
  readonly normalizer?: Normalizer | null;
  /** Default: see the trainer; null for none, each text being one word. */
  readonly preTokenizer?: PreTokenizer | null;
  /**
   * Distinct words that are held at most, from 1000 on; default 2,000,000. Beyond it the rarest are dropped, and the
   * report says so.
   */
  readonly maxWords?: number;
  /** UTF-8 bytes of these words at most, from 16 KiB on; default 128 MiB. Beyond it the rarest are dropped. */
  readonly maxBytes?: number;
}

/** What is watched while counting goes on. */
export interface CountWatch {
  /** Called now and then with the work done so far. */
  readonly onProgress?: ((progress: TrainProgress) => void) | undefined;
  /** Stops the work, also while a text is awaited; the promise is rejected with its reason. */
  readonly signal?: AbortSignal | undefined;
}

/** Counts the words of texts; `countInThreads` of `@tessera-llm/tokenizers/count-threads` makes one that uses threads. */
export type WordCounting = (texts: Texts, pipeline: CountPipeline, watch: CountWatch) => Promise<WordCounts>;

/** A special token: its text, or its text with the flags of an added token. */
export type SpecialToken = string | Omit<AddedToken, 'id'>;

/** Settings that all trainers share; the names are those of Hugging Face's trainers. */
export interface TrainOptions extends CountPipeline, CountWatch {
  /** Number of tokens, special ones included, from 1 to 2^24; fewer where the texts give no more. */
  readonly vocabSize: number;
  /**
   * Tokens that text can't be made of; they get the first ids. Of one that is given twice the last flags count.
   * Default: see the trainer.
   */
  readonly specialTokens?: readonly SpecialToken[];
  /** How the trained tokenizer writes text again. Default: what undoes the pre-tokenizer, if it is a known one. */
  readonly decoder?: Decoder | null;
  /** What the trained tokenizer adds around texts; default nothing. */
  readonly postProcessor?: PostProcessor | null;
  /** Called once with what was counted. */
  readonly onReport?: (report: CountReport) => void;
  /** Default: counting in this thread. The result does not depend on it. */
  readonly counter?: WordCounting;
}

/** Gives the event loop a turn. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve));
}

/** Lets long work breathe: five times a second it reports, looks at the signal and gives the event loop a turn. */
export class Pace {
  private last = performance.now();

  constructor(private readonly watch: CountWatch) {}

  /** True if it is time to `rest`. */
  get due(): boolean {
    return performance.now() - this.last > 200;
  }

  report(stage: TrainProgress['stage'], done: number, total: number | null): void {
    this.watch.signal?.throwIfAborted();
    this.watch.onProgress?.({ stage, done, total });
  }

  async rest(stage: TrainProgress['stage'], done: number, total: number | null): Promise<void> {
    this.report(stage, done, total);
    await turn();
    this.watch.signal?.throwIfAborted();
    this.last = performance.now();
  }
}

/** @throws TokenizerError `invalid_argument` unless `value` is a whole number in [least, most]. */
export function checkWhole(name: string, value: number, least: number, most: number): void {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new TokenizerError(
      'invalid_argument',
      `[train] ${name}: expected a whole number from ${least} to ${most}, got ${shown(value)}`,
    );
  }
}

/** What each component must be able to do, and the function that makes one of its tokenizer.json. */
const components = {
  normalizer: ['normalize', 'createNormalizer'],
  preTokenizer: ['split', 'createPreTokenizer'],
  decoder: ['decode', 'createDecoder'],
  postProcessor: ['process', 'createPostProcessor'],
} as const;

/** @throws TokenizerError `invalid_argument` unless these are settings with a vocabulary size that a tokenizer has. */
export function checkOptions(options: TrainOptions): void {
  if (!isRecord(options)) throw wrong('options', 'an object with a vocabSize', options);
  checkWhole('vocabSize', options.vocabSize, 1, 2 ** 24);
  for (const [name, [method, create]] of Object.entries(components)) {
    const part: unknown = options[name];
    if (part != null && !(can(part, method) && can(part, 'toJSON')))
      throw wrong(name, `a component such as ${create}({ type: … }) makes, or null`, part);
  }
  for (const name of ['counter', 'onProgress', 'onReport']) {
    if (options[name] != null && typeof options[name] !== 'function') throw wrong(name, 'a function', options[name]);
  }
  if (options.signal !== undefined && !can(options.signal, 'throwIfAborted'))
    throw wrong('signal', 'an AbortSignal', options.signal);
}

function can(value: unknown, method: string): boolean {
  return isRecord(value) && typeof value[method] === 'function';
}

/** The error of an argument that is none. */
export function wrong(name: string, expected: string, got: unknown): TokenizerError {
  return new TokenizerError('invalid_argument', `[train] ${name}: expected ${expected}, got ${shown(got)}`);
}

/** @throws TokenizerError `invalid_argument` for what is no text, `invalid_text` for a lone surrogate. */
export function checkTexts(name: string, texts: readonly unknown[]): void {
  if (!Array.isArray(texts)) throw wrong(name, 'a list of texts', texts);
  for (const text of texts) {
    if (typeof text !== 'string') throw wrong(name, 'text', text);
    const lone = findLoneSurrogate(text);
    if (lone >= 0)
      throw new TokenizerError(
        'invalid_text',
        `[train] ${name}: expected well-formed text, got a lone surrogate at place ${lone} of ${JSON.stringify(text)}`,
      );
  }
}

const flags = ['special', 'singleWord', 'lstrip', 'rstrip', 'normalized'];

/** The texts of special tokens, each once. @throws TokenizerError as `checkTexts`, and `invalid_argument` for an empty one. */
export function contentsOf(tokens: readonly SpecialToken[]): string[] {
  if (!Array.isArray(tokens)) throw wrong('specialTokens', 'a list of tokens', tokens);
  const contents = tokens.map((token: SpecialToken) => (isRecord(token) ? token.content : token));
  checkTexts('specialTokens', contents);
  // A flag of another type would be written to a tokenizer.json that no library loads.
  for (const token of tokens as readonly unknown[])
    for (const flag of isRecord(token) ? flags : [])
      if (isRecord(token) && token[flag] !== undefined && typeof token[flag] !== 'boolean')
        throw wrong(`specialTokens: ${flag}`, 'true or false', token[flag]);
  if (contents.includes('')) {
    throw new TokenizerError('invalid_argument', '[train] specialTokens: expected texts, got an empty one');
  }
  return [...new Set(contents)];
}
