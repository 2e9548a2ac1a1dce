import { gpt2Pattern, translatePattern } from './pattern';

/** Splits a text into words, which the model then encodes one by one. */
export interface PreTokenizer {
  /** Calls `visit` with each word and where it begins (UTF-16 units), in order. */
  forEachWord(text: string, visit: (word: string, start: number) => void): void;
  /** What precedes a text that does not begin with a space: GPT-2's `add_prefix_space`. */
  readonly addPrefixSpace: boolean;
  /** The component of tokenizer.json. */
  toJSON(): unknown;
}

/** Every match of a pattern is a word, and so is what lies between matches (behaviour `Isolated`). */
function isolated(pattern: RegExp): PreTokenizer['forEachWord'] {
  return (text, visit) => {
    let at = 0;
    pattern.lastIndex = 0;
    for (let m = pattern.exec(text); m !== null; m = pattern.exec(text)) {
      if (m[0].length === 0) {
        pattern.lastIndex++;
        continue;
      }
      if (m.index > at) visit(text.slice(at, m.index), at);
      visit(m[0], m.index);
      at = m.index + m[0].length;
    }
    if (at < text.length) visit(text.slice(at), at);
  };
}

/**
 * GPT-2's split into words with their leading space, bytes written in the byte alphabet.
 *
 * @param options.useRegex false leaves the splitting to a pre-tokenizer before it; default true.
 */
export function byteLevel(
  options: { readonly addPrefixSpace?: boolean; readonly useRegex?: boolean; readonly trimOffsets?: boolean } = {},
): PreTokenizer {
  const { addPrefixSpace = false, useRegex = true, trimOffsets = true } = options;
  return {
    addPrefixSpace,
    forEachWord: useRegex
      ? isolated(translatePattern(gpt2Pattern))
      : (text, visit) => {
          if (text.length > 0) visit(text, 0);
        },
    toJSON: () => ({
      type: 'ByteLevel',
      add_prefix_space: addPrefixSpace,
      trim_offsets: trimOffsets,
      use_regex: useRegex,
    }),
  };
}

/** Splits by a pattern in Oniguruma's syntax, each match a word of its own (behaviour `Isolated`). */
export function splitPattern(pattern: string): PreTokenizer {
  return {
    addPrefixSpace: false,
    forEachWord: isolated(translatePattern(pattern)),
    toJSON: () => ({ type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false }),
  };
}

/** Splits the words of each pre-tokenizer with the next one. */
export function sequence(parts: readonly PreTokenizer[]): PreTokenizer {
  const visitFrom = (index: number, text: string, base: number, visit: (word: string, start: number) => void): void => {
    const part = parts[index];
    if (part === undefined) return visit(text, base);
    part.forEachWord(text, (word, start) => visitFrom(index + 1, word, base + start, visit));
  };
  return {
    addPrefixSpace: parts[0]?.addPrefixSpace ?? false,
    forEachWord: (text, visit) => visitFrom(0, text, 0, visit),
    toJSON: () => ({ type: 'Sequence', pretokenizers: parts.map((p) => p.toJSON()) }),
  };
}
