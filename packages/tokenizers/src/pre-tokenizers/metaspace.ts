import { literalPattern } from '../regex/pattern';
import type { PreTokenizer } from './pre-tokenizer';

/** Where the mark is put before a text that has none: before every piece, at the very beginning only, nowhere. */
export type PrependScheme = 'always' | 'first' | 'never';

/** Settings of `metaspace`. */
export interface MetaspaceOptions {
  /** One character; default `▁`. */
  readonly replacement?: string;
  /** Default `always`. */
  readonly prependScheme?: PrependScheme;
  /** Cut before each mark; default true. */
  readonly split?: boolean;
}

/** SentencePiece's view of spaces: each becomes a visible mark, which begins a word. */
export function metaspace(options: MetaspaceOptions = {}): PreTokenizer {
  const { replacement = '▁', prependScheme = 'always', split = true } = options;
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
