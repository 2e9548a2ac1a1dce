import { TokenizerError } from '../errors';
import type { Matches } from '../text/aligned-text';
import { checkMatches } from '../text/growth';
import { unitsAt } from '../text/unicode';
import type { Dialect } from './ast';
import { Matcher } from './matcher';
import { parsePattern } from './parse';
import { isSafe, translate } from './translate';

/** Finds all matches of something in a text. */
export interface Pattern {
  /** All matches, from the left and without overlap. @throws TokenizerError `step_limit`. */
  matches(text: string): Matches;
}

/** Every occurrence of a string; an empty one is at every place. */
export function literalPattern(content: string): Pattern {
  if (content === '') return compilePattern('');
  return {
    matches(text) {
      const out: number[] = [];
      for (let at = text.indexOf(content); at >= 0; at = text.indexOf(content, at + content.length)) {
        out.push(at, at + content.length);
        checkMatches(out);
      }
      return out;
    },
  };
}

/**
 * A regular expression in Oniguruma's syntax (or Rust's): possessive quantifiers, atomic groups, `\p{…}`, POSIX classes,
 * intersections, local flags, calls of groups, conditions and absence, with `\s`, `\w`, `^` and `$` as they are there.
 * Runs on JavaScript's engine where that is safe, else on a matcher with a step limit.
 *
 * Case folding is Unicode's: a character matches its other cases (`(?i:s)` matches U+017F), and in Oniguruma's syntax
 * characters match the one that they are the folding of, and that one them (`(?i:ss)` and `ß`, `(?i:ß)` and `SS`).
 *
 * @param dialect Default `oniguruma`.
 * @throws TokenizerError `invalid_file` or `unsupported`, naming the pattern; `matches` throws `step_limit`.
 *
 * @example
 * ```ts
 * import { compilePattern } from '@tessera-llm/tokenizers';
 * console.log(compilePattern('\\p{L}++|\\p{N}{1,3}').matches('abc1234')); // [0, 3, 3, 6, 6, 7]
 * ```
 */
export function compilePattern(pattern: string, dialect: Dialect = 'oniguruma'): Pattern {
  const node = parsePattern(pattern, dialect);
  if (!isSafe(node)) return new Matcher(node, pattern);
  const source = translate(node);
  let expression: RegExp;
  try {
    expression = new RegExp(source, 'gv');
  } catch (cause) {
    throw new TokenizerError('unsupported', `[regex] the pattern ${JSON.stringify(pattern)} has no translation`, {
      cause,
    });
  }
  return { matches: (text) => allMatches(expression, text, pattern) };
}

function allMatches(expression: RegExp, text: string, pattern: string): number[] {
  const out: number[] = [];
  let lastEnd = -1;
  expression.lastIndex = 0;
  try {
    for (let m = expression.exec(text); m !== null; m = expression.exec(text)) {
      const end = m.index + m[0].length;
      // The engine also tries the middle of a pair of surrogates, where only an empty match can be.
      const inside = end === m.index && end > 0 && (text.codePointAt(end - 1) as number) > 0xffff;
      if (end > m.index || (m.index !== lastEnd && !inside)) {
        out.push(m.index, end);
        checkMatches(out);
        lastEnd = end;
      }
      if (end === m.index) expression.lastIndex += unitsAt(text, end);
    }
  } catch (cause) {
    if (cause instanceof TokenizerError) throw cause;
    // The engine's backtracking stack is full.
    throw new TokenizerError(
      'step_limit',
      `[regex] the pattern ${JSON.stringify(pattern)} needs too much memory on this text`,
      { cause },
    );
  }
  return out;
}
