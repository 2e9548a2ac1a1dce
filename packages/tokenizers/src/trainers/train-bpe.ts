import { createDecoder } from '../decoders/create';
import { Bpe } from '../models/bpe';
import { byteLevel } from '../pre-tokenizers/byte-level';
import { byteAlphabet } from '../text/byte-alphabet';
import type { Tokenizer } from '../tokenizer';
import type { AlphabetOptions } from './alphabet';
import { countWords } from './count-words';
import { Merger } from './merger';
import {
  Pace,
  type Texts,
  type TrainOptions,
  checkTexts,
  checkOptions,
  checkWhole,
  contentsOf,
  wrong,
} from './options';
import { endsWithBytes, trained } from './trained';

/** Settings that BPE and WordPiece share; the names and defaults are those of Hugging Face's BpeTrainer. */
export interface TrainMergesOptions extends TrainOptions, AlphabetOptions {
  /** A pair seen less often is not merged; default 0. */
  readonly minFrequency?: number;
  /** Merged tokens stay shorter than this many characters; default no limit. */
  readonly maxTokenLength?: number | null;
  /** What the vocabulary writes before every character of a word but its first; default nothing. */
  readonly continuingSubwordPrefix?: string | null;
  /** What the vocabulary writes behind the last character of a word; default nothing. */
  readonly endOfWordSuffix?: string | null;
}

/** Settings of `trainBpe`; the names and defaults are those of Hugging Face's BpeTrainer. */
export interface TrainBpeOptions extends TrainMergesOptions {
  /**
   * Characters that become tokens whether seen or not; default the 256 of the byte alphabet if the pre-tokenizer ends
   * with ByteLevel, else none.
   */
  readonly initialAlphabet?: readonly string[];
  /** The token that stands for unknown characters; one of the special tokens. Default none: unknown characters vanish. */
  readonly unkToken?: string | null;
  /** Unknown characters side by side become one token. Default false. */
  readonly fuseUnk?: boolean;
}

/** Counts and merges. */
export async function trainMerges(texts: Texts, options: TrainMergesOptions): Promise<Merger> {
  const { vocabSize, minFrequency = 0, maxTokenLength, limitAlphabet } = options;
  checkWhole('minFrequency', minFrequency, 0, Number.MAX_SAFE_INTEGER);
  if (maxTokenLength != null) checkWhole('maxTokenLength', maxTokenLength, 1, 2 ** 31);
  if (limitAlphabet != null) checkWhole('limitAlphabet', limitAlphabet, 0, 2 ** 24);
  checkTexts('initialAlphabet', options.initialAlphabet ?? []);
  checkTexts('continuingSubwordPrefix', [options.continuingSubwordPrefix ?? '']);
  checkTexts('endOfWordSuffix', [options.endOfWordSuffix ?? '']);
  const specialTokens = contentsOf(options.specialTokens ?? []);
  const settings = {
    vocabSize,
    minFrequency,
    specialTokens,
    initialAlphabet: options.initialAlphabet ?? [],
    limitAlphabet: limitAlphabet ?? null,
    maxTokenLength: maxTokenLength ?? Number.POSITIVE_INFINITY,
    prefix: options.continuingSubwordPrefix ?? '',
    suffix: options.endOfWordSuffix ?? '',
  };
  const counted = await countWords(texts, options);
  const pace = new Pace(options);
  const merger = await Merger.of(counted, settings, pace);
  while (!merger.full && merger.step()) {
    if (pace.due) await pace.rest('merging', merger.tokens.length, vocabSize);
  }
  pace.report('merging', merger.tokens.length, vocabSize);
  return merger;
}

/**
 * Trains a BPE tokenizer, byte-level by default. Words are counted after normalisation and pre-tokenisation; ids go to
 * the special tokens, to the alphabet, then to the merges; each step merges the pair with the highest count, ties to
 * the smaller ids. Deterministic, and equal to what Hugging Face's trainer makes of the same texts.
 *
 * @param texts Any number of texts, also asynchronous; only their word counts are held.
 * @param options.normalizer Default none.
 * @param options.preTokenizer Default: GPT-2's byte-level split; null for none.
 * @param options.specialTokens Default none.
 * @throws TokenizerError `invalid_argument` for no text, settings out of range, or a vocabulary too small for the
 * alphabet; `invalid_text` for a lone surrogate; the signal's reason if it was aborted.
 * @see Sennrich et al. 2016, "Neural machine translation of rare words with subword units".
 *
 * @example
 * ```ts
 * import { trainBpe } from '@tessera-llm/tokenizers';
 * const tokenizer = await trainBpe(['low lower lowest'], { vocabSize: 260, specialTokens: ['<|end|>'] });
 * console.log(tokenizer.encode('lower').tokens); // ['low', 'e', 'r']
 * ```
 */
export async function trainBpe(texts: Texts, options: TrainBpeOptions): Promise<Tokenizer> {
  checkOptions(options);
  const { preTokenizer = byteLevel(), endOfWordSuffix: suffix = null, continuingSubwordPrefix = null } = options;
  const initialAlphabet = options.initialAlphabet ?? (endsWithBytes(preTokenizer) ? byteAlphabet : []);
  checkTexts('unkToken', [options.unkToken ?? '']);
  if (options.fuseUnk !== undefined && typeof options.fuseUnk !== 'boolean')
    throw wrong('fuseUnk', 'true or false', options.fuseUnk);
  const merger = await trainMerges(texts, { ...options, preTokenizer, initialAlphabet });
  const model = new Bpe({
    vocab: merger.ids,
    merges: merger.merges(),
    unkToken: options.unkToken ?? null,
    fuseUnk: options.fuseUnk ?? false,
    continuingSubwordPrefix,
    endOfWordSuffix: suffix,
  });
  return trained(model, { ...options, preTokenizer }, suffix ? createDecoder({ type: 'BPEDecoder', suffix }) : null);
}
