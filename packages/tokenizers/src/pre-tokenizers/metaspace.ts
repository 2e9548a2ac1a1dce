import { wrongArgument } from '../config';
import { literalPattern } from '../regex/pattern';
import type { PreTokenizer } from './pre-tokenizer';

/**
 * Where a mark goes before a text that begins with none: `always` before each that is split, such as those between
 * added tokens, `first` at the beginning of the input only, `never` nowhere.
 */
export type PrependScheme = 'always' | 'first' | 'never';

export const prependSchemes: readonly PrependScheme[] = ['always', 'first', 'never'];

/** Settings of `metaspace`. */
export interface MetaspaceOptions {
  /** One character; default `▁`. */
  readonly replacement?: string;
  /** Default `always`. */
  readonly prependScheme?: PrependScheme;
  /** Cut before each mark; default true. */
  readonly split?: boolean;
}

/**
 * SentencePiece's view of spaces: each becomes a visible mark, which begins a word.
 *
 * @throws TokenizerError `invalid_argument` for a replacement of several characters or none, or another scheme.
 *
 * @see Kudo and Richardson 2018, "SentencePiece".
 *
 * @example
 * ```ts
 * import { metaspace, splitText } from '@tessera-llm/tokenizers';
 * console.log(splitText(metaspace(), 'low lower').map(({ text }) => text)); // ['▁low', '▁lower']
 * ```
 */
export function metaspace(options: MetaspaceOptions = {}): PreTokenizer {
  const { replacement = '▁', prependScheme = 'always', split = true } = options;
  if (!prependSchemes.includes(prependScheme)) {
    throw wrongArgument('metaspace', 'prependScheme', `one of ${prependSchemes.join(', ')}`, prependScheme);
  }
  if ([...replacement].length !== 1) throw wrongArgument('metaspace', 'replacement', 'one character', replacement);
  const spaces = literalPattern(' ');
  const marks = literalPattern(replacement);
  return {
    split(text) {
      let out = text.replace(spaces.matches(text.text), replacement);
      const wanted = prependScheme === 'always' || (prependScheme === 'first' && text.origin === 0);
      if (wanted && !out.text.startsWith(replacement)) out = out.prepend(replacement);
      if (out.length === 0) return [];
      return split ? out.split(marks.matches(out.text), 'MergedWithNext') : [out];
    },
    toJSON: () => ({ type: 'Metaspace', replacement, prepend_scheme: prependScheme, split }),
  };
}
