import { wrongArgument } from '../config';
import type { Dialect } from '../regex/ast';
import { type Pattern, compilePattern } from '../regex/pattern';
import { toOniguruma } from '../regex/to-oniguruma';
import type { AlignedText, SplitBehavior } from '../text/aligned-text';
import { checkGrowth, checkMatches, mostUnits } from '../text/growth';
import type { PreTokenizer } from './pre-tokenizer';

export const splitBehaviors: readonly SplitBehavior[] = [
  'Removed',
  'Isolated',
  'MergedWithPrevious',
  'MergedWithNext',
  'Contiguous',
];

/** Pre-tokenizers of a sequence beyond which only a broken or hostile file goes. */
const mostParts = 1000;

/** Settings of `splitPattern`. */
export interface SplitOptions {
  /** What becomes of the matches; default `Isolated`. */
  readonly behavior?: SplitBehavior;
  /** What lies between the matches counts as the match, and they as what lies between. Default false. */
  readonly invert?: boolean;
  /** Whose syntax the pattern has; default Oniguruma's, as in tokenizer.json. */
  readonly dialect?: Dialect;
}

/**
 * Splits by a regular expression in the syntax of `compilePattern`.
 *
 * @throws TokenizerError `invalid_argument` for another behaviour, `invalid_file` for a malformed pattern, `unsupported` for one that can't be run; `split`
 * throws `step_limit` for one that does not end.
 *
 * @example
 * ```ts
 * import { splitPattern, splitText } from '@tessera-llm/tokenizers';
 * const numbers = splitPattern('\\p{N}+');
 * console.log(splitText(numbers, 'a12b').map(({ text }) => text)); // ['a', '12', 'b']
 * const words = splitPattern('\\p{L}+', { behavior: 'Removed', invert: true });
 * console.log(splitText(words, 'low, lower').map(({ text }) => text)); // ['low', 'lower']
 * ```
 */
export function splitPattern(regex: string, options: SplitOptions = {}): PreTokenizer {
  const written = options.dialect === 'rust' ? toOniguruma(regex) : regex;
  return splitBy(compilePattern(regex, options.dialect), () => ({ Regex: written }), options);
}

/** Splits by a pattern; `describe` gives what the file says of it. */
export function splitBy(pattern: Pattern, describe: () => unknown, options: SplitOptions): PreTokenizer {
  const { behavior = 'Isolated', invert = false } = options;
  if (!splitBehaviors.includes(behavior)) {
    throw wrongArgument('splitPattern', 'behavior', `one of ${splitBehaviors.join(', ')}`, behavior);
  }
  return {
    split: (text) => text.split(pattern.matches(text.text), behavior, invert),
    toJSON: () => ({ type: 'Split', pattern: describe(), behavior, invert }),
  };
}

/** Splits by single characters, one match each. @param except Characters of `source` that are none. */
export function splitCharacters(
  source: string,
  behavior: SplitBehavior,
  json: Record<string, unknown>,
  except: (char: string) => boolean = () => false,
): PreTokenizer {
  const expression = new RegExp(`^[${source}]$`, 'u');
  const is = (char: string) => expression.test(char) && !except(char);
  const ascii = Array.from({ length: 128 }, (_, code) => is(String.fromCharCode(code)));
  return {
    split(text) {
      const { text: content, length } = text;
      const matches: number[] = [];
      for (let at = 0; at < length; ) {
        const code = content.codePointAt(at) as number;
        const end = at + (code > 0xffff ? 2 : 1);
        if (code < 128 ? ascii[code] : is(content.slice(at, end))) {
          matches.push(at, end);
          checkMatches(matches);
        }
        at = end;
      }
      if (matches.length === 0 && length > 0) return [text.slice(0, length)];
      return text.split(matches, behavior);
    },
    toJSON: () => json,
  };
}

/**
 * Splits the pieces of each pre-tokenizer with the next one. Of none it leaves the text in one piece.
 *
 * @throws TokenizerError `invalid_argument` for more than 1,000 of them; `invalid_file` from `split` where the parts multiply a text without measure.
 *
 * @example
 * ```ts
 * import { createPreTokenizer, sequence, splitText } from '@tessera-llm/tokenizers';
 * const both = sequence([createPreTokenizer({ type: 'WhitespaceSplit' }), createPreTokenizer({ type: 'Digits' })]);
 * console.log(splitText(both, 'a1 b22').map(({ text }) => text)); // ['a', '1', 'b', '22']
 * ```
 */
export function sequence(given: readonly PreTokenizer[]): PreTokenizer {
  const parts = given.flatMap((part) => part.parts ?? [part]);
  // Each calls the next one for its pieces.
  if (parts.length > mostParts) {
    throw wrongArgument('sequence', 'pretokenizers', `at most ${mostParts} of them`, parts.length);
  }
  return {
    parts,
    split(text) {
      const out: AlignedText[] = [];
      const most = mostUnits(text.length);
      let made = 0;
      // Piece by piece through all of them: lists stay short.
      const visit = (piece: AlignedText, done: number): void => {
        checkGrowth('pre_tokenizer', made + piece.length, most);
        const part = parts[done];
        if (part === undefined) {
          made += piece.length;
          out.push(piece);
        } else for (const smaller of part.split(piece)) visit(smaller, done + 1);
      };
      if (text.length > 0) visit(text, 0);
      return out;
    },
    toJSON: () => ({ type: 'Sequence', pretokenizers: given.map((p) => p.toJSON()) }),
  };
}
