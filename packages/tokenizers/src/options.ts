import type { Decoder } from './decoders/decoder';
import type { AddedToken, AllowedSpecial } from './encode/added-tokens';
import type { PaddingOptions } from './encode/padding';
import type { TruncationOptions } from './encode/truncation';
import type { Model } from './models/model';
import type { Normalizer } from './normalizers/normalizer';
import type { PostProcessor } from './post-processors/post-processor';
import type { PreTokenizer } from './pre-tokenizers/pre-tokenizer';

/** Parts of a tokenizer, all but the model optional: texts go through them in this order, ids through the decoder. */
export interface TokenizerParts {
  /** Found in the text before anything else, or (`normalized`) behind the normaliser. */
  readonly addedTokens?: readonly AddedToken[];
  readonly normalizer?: Normalizer | null;
  /** Without one, the text between added tokens is one word. */
  readonly preTokenizer?: PreTokenizer | null;
  readonly model: Model;
  readonly postProcessor?: PostProcessor | null;
  /** Without one, `decode` joins tokens by spaces. */
  readonly decoder?: Decoder | null;
  /** Applied by `encode` unless its options say otherwise. */
  readonly truncation?: TruncationOptions | null;
  /** Applied by `encode` and `encodeBatch` unless their options say otherwise. */
  readonly padding?: PaddingOptions | null;
}

/** One text, or one that is cut into words already. */
export type TextInput = string | readonly string[];

/** Settings of `encodeIds`. */
export interface EncodeIdsOptions {
  /** Add what the post-processor adds (beginning and end of sequence); default true. */
  readonly addSpecialTokens?: boolean;
  /** Special tokens to be recognised where the text has them; default `all`. Use `none` for text from outside. */
  readonly allowedSpecial?: AllowedSpecial;
  /**
   * Special tokens that make a text with them an error: all that `allowedSpecial` does not allow (tiktoken's default),
   * none, or these. Default `none`: what is not allowed is ordinary characters.
   */
  readonly disallowedSpecial?: 'all' | 'none' | readonly string[];
}

/** Settings of `encode`. */
export interface EncodeOptions extends EncodeIdsOptions {
  /** A second text, after the first. */
  readonly pair?: TextInput;
  /** Default: the tokenizer's own; null for none. */
  readonly truncation?: TruncationOptions | null;
  /** Default: the tokenizer's own; null for none. */
  readonly padding?: PaddingOptions | null;
}

/** Settings of `encodeBatch`. */
export interface EncodeBatchOptions extends Omit<EncodeOptions, 'pair'> {
  /** Second texts, one for each of the first. */
  readonly pairs?: readonly TextInput[];
}
