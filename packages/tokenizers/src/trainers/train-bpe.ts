import { byteLevelDecoder } from '../decoders/bytes';
import type { Decoder } from '../decoders/decoder';
import { Bpe } from '../models/bpe';
import type { Normalizer } from '../normalizers/normalizer';
import { byteLevel } from '../pre-tokenizers/byte-level';
import type { PreTokenizer } from '../pre-tokenizers/pre-tokenizer';
import { byteAlphabet } from '../text/byte-alphabet';
import { Tokenizer } from '../tokenizer';
import { Merger } from './merger';
import { type TrainOptions, countWords, turn } from './word-counts';

/** Settings of `trainBpe`; the names and defaults are those of Hugging Face's BpeTrainer. */
export interface TrainBpeOptions extends TrainOptions {
  /** Number of tokens, special ones included. */
  readonly vocabSize: number;
  /** A pair seen less often is not merged; default 0. */
  readonly minFrequency?: number;
  /** Tokens that text can't be made of; they get the first ids. Default none. */
  readonly specialTokens?: readonly string[];
  /** Characters that become tokens whether seen or not; default the 256 of the byte alphabet if the pre-tokenizer ends with ByteLevel, else none. */
  readonly initialAlphabet?: readonly string[];
  /** Most characters of the alphabet, the rarest left out; default no limit. */
  readonly limitAlphabet?: number | null;
  /** Merged tokens stay shorter than this many characters; default no limit. */
  readonly maxTokenLength?: number | null;
  /** What the vocabulary writes before every character of a word but its first. */
  readonly continuingSubwordPrefix?: string | null;
  /** What the vocabulary writes behind the last character of a word. */
  readonly endOfWordSuffix?: string | null;
  /** The special token that stands for unknown characters. Default none. */
  readonly unkToken?: string | null;
  readonly normalizer?: Normalizer | null;
  /** Default: GPT-2's byte-level split; null for none. */
  readonly preTokenizer?: PreTokenizer | null;
  /** Default: ByteLevel if the pre-tokenizer ends with it, else none. */
  readonly decoder?: Decoder | null;
}

/** True if words come as bytes in the byte alphabet. */
function endsWithBytes(preTokenizer: PreTokenizer | null): boolean {
  const json = preTokenizer?.toJSON();
  const parts: unknown = json?.type === 'Sequence' ? json.pretokenizers : [json];
  return JSON.stringify(Array.isArray(parts) ? parts[parts.length - 1] : null)?.includes('"ByteLevel"') ?? false;
}

/**
 * Trains a BPE tokenizer, byte-level by default. Words are counted after normalisation and pre-tokenisation; ids go to
 * the special tokens, to the alphabet, then to the merges; each step merges the pair with the highest count, ties to
 * the smaller ids. Deterministic, and equal to what Hugging Face's trainer makes of the same texts.
 *
 * @param texts Any number of texts, also asynchronous; only their word counts are held.
 * @throws TokenizerError `invalid_argument` for no text, or a vocabulary too small for the alphabet.
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
  const { preTokenizer = byteLevel(), normalizer = null, unkToken = null, specialTokens = [] } = options;
  const bytes = endsWithBytes(preTokenizer);
  const counted = await countWords(texts, { ...options, preTokenizer });
  const merger = new Merger(counted, {
    ...options,
    initialAlphabet: options.initialAlphabet ?? (bytes ? byteAlphabet : []),
  });
  const progress = () =>
    options.onProgress?.({ stage: 'merging', done: merger.tokens.length, total: options.vocabSize });
  let last = performance.now();
  while (!merger.full && merger.step()) {
    if (performance.now() - last < 200) continue;
    progress();
    await turn();
    last = performance.now();
  }
  progress();
  return new Tokenizer({
    normalizer,
    preTokenizer,
    decoder: options.decoder === undefined ? (bytes ? byteLevelDecoder() : null) : options.decoder,
    model: new Bpe({
      vocab: merger.ids,
      merges: merger.merges,
      unkToken,
      continuingSubwordPrefix: options.continuingSubwordPrefix ?? null,
      endOfWordSuffix: options.endOfWordSuffix ?? null,
    }),
    addedTokens: specialTokens.map((content) => ({ id: merger.ids.get(content) as number, content, special: true })),
  });
}
