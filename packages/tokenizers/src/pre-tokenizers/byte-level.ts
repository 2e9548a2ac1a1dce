import { type Pattern, compilePattern } from '../regex/pattern';
import { toByteChars } from '../text/byte-alphabet';
import type { PreTokenizer } from './pre-tokenizer';

/** GPT-2's split: contractions, words, numbers and other signs with the space before them, runs of whitespace. */
export const gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/** Settings of `byteLevel`. */
export interface ByteLevelOptions {
  /** Put a space before a text that begins with none. Default false (the published component's default is true). */
  readonly addPrefixSpace?: boolean;
  /** Split as GPT-2 does; false leaves that to a pre-tokenizer before it. Default true. */
  readonly useRegex?: boolean;
  /** Kept for the file; the post-processor trims. Default true. */
  readonly trimOffsets?: boolean;
}

let pattern: Pattern | null = null;

/**
 * Splits as GPT-2 does and writes the UTF-8 bytes of each word in the byte alphabet (see `byteToChar`), where a space
 * is `Ġ`.
 *
 * @see Radford et al. 2019, "Language models are unsupervised multitask learners".
 *
 * @example
 * ```ts
 * import { byteLevel, splitText } from '@tessera-llm/tokenizers';
 * console.log(splitText(byteLevel(), "it's 1 é").map(({ text }) => text)); // ['it', "'s", 'Ġ1', 'ĠÃ©']
 * ```
 */
export function byteLevel(options: ByteLevelOptions = {}): PreTokenizer {
  const { addPrefixSpace = false, useRegex = true, trimOffsets = true } = options;
  return {
    split(text) {
      const prefixed = addPrefixSpace && !text.text.startsWith(' ') ? text.prepend(' ') : text;
      if (prefixed.length === 0) return [];
      pattern ??= compilePattern(gpt2Pattern);
      const words = useRegex ? prefixed.split(pattern.matches(prefixed.text), 'Isolated') : [prefixed];
      return words.map((word) => word.spelled(toByteChars));
    },
    toJSON: () => ({
      type: 'ByteLevel',
      add_prefix_space: addPrefixSpace,
      trim_offsets: trimOffsets,
      use_regex: useRegex,
    }),
  };
}
