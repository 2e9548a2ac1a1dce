import { TokenizerError } from './errors';

/** Oniguruma's `\s`: JavaScript's without U+FEFF and with U+0085. */
export const spaceClass = '\\t-\\r\\u0085 \\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';

/** Letters that match more than their two cases under Oniguruma's Unicode case folding. */
const folds: Readonly<Record<string, string>> = { s: 'sS\u017f', k: 'kK\u212a' };

function caseless(char: string): string {
  const lower = char.toLowerCase();
  const upper = char.toUpperCase();
  return lower === upper ? char : `[${folds[lower] ?? lower + upper}]`;
}

/**
 * Translates a split pattern of a tokenizer.json (Oniguruma syntax) to a JavaScript RegExp with the flags `gu`:
 * `\s` and `\S` get Oniguruma's meaning and `(?i:…)` groups are written out.
 *
 * @throws TokenizerError `unsupported` for syntax that means something else in JavaScript, naming the pattern.
 */
export function translatePattern(pattern: string): RegExp {
  const fail = (what: string): never => {
    throw new TokenizerError(
      'unsupported',
      `[Split] ${what} is not supported in the pattern ${JSON.stringify(pattern)}`,
    );
  };
  let out = '';
  let inClass = false;
  const groups: boolean[] = [];
  // Only `+`, `*`, `?` and the end of `{n,m}` outside a class and unescaped set it.
  let afterQuantifier = false;
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] as string;
    const quantified = afterQuantifier;
    afterQuantifier = false;
    if (c === '\\') {
      const next = pattern[++i] ?? fail('a trailing backslash');
      if (next === 's') out += inClass ? spaceClass : `[${spaceClass}]`;
      else if (next === 'S') out += inClass ? fail('\\S inside a class') : `[^${spaceClass}]`;
      else if (next === 'p' || next === 'P') {
        const end = pattern.indexOf('}', i);
        if (pattern[i + 1] !== '{' || end < 0) fail('\\p without braces');
        out += `\\${next}${pattern.slice(i + 1, end + 1)}`;
        i = end;
      } else if (/[rntdDwWbBfv]/.test(next)) out += `\\${next}`;
      else if (/[A-Za-z0-9]/.test(next)) fail(`\\${next}`);
      else out += /[\^$\\.*+?()[\]{}|/-]/.test(next) ? `\\${next}` : next;
    } else if (inClass) {
      if (c === '[' || (c === '&' && pattern[i + 1] === '&')) fail('a nested class');
      if (c === ']') inClass = false;
      out += c;
    } else if (c === '[') {
      inClass = true;
      out += c;
    } else if (c === '(') {
      if (pattern.startsWith('(?i:', i)) {
        groups.push(true);
        out += '(?:';
        i += 3;
      } else if (/^\((\?(:|=|!|<=|<!))?(?!\?)/.test(pattern.slice(i))) {
        groups.push(groups[groups.length - 1] ?? false);
        out += c;
      } else fail(`the group ${pattern.slice(i, i + 4)}`);
    } else if (c === ')') {
      groups.pop();
      out += c;
    } else if (c === '+' && quantified) {
      fail('a possessive quantifier');
    } else {
      afterQuantifier = /[+*?}]/.test(c);
      out += groups[groups.length - 1] ? caseless(c) : c;
    }
  }
  try {
    return new RegExp(out, 'gu');
  } catch (error) {
    throw new TokenizerError(
      'invalid_file',
      `[Split] the pattern ${JSON.stringify(pattern)} is malformed: ${String(error)}`,
    );
  }
}

/** The split of GPT-2 and of every ByteLevel pre-tokenizer that splits. */
export const gpt2Pattern = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
