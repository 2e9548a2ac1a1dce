import { spaceSource } from '../text/unicode';

/** Letters, marks, decimal digits and connectors: Rust's `\w`, and `[:word:]`. */
const wordClass = '\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}';
/** Oniguruma's `\w` outside of brackets: its table for Latin-1 has the superscript digits and fractions too. */
export const wordSource = `${wordClass}\\u{b2}\\u{b3}\\u{b9}\\u{bc}-\\u{be}`;
/** Rust's `\w`. */
export const rustWordSource = `${wordClass}\\p{Join_Control}`;

/** `\w` of ASCII alone. */
export const asciiWordSource = '0-9A-Z_a-z';

/** Contents of the classes behind a backslash, in JavaScript's `v` syntax. */
export const escapes: Readonly<Record<string, string>> = {
  s: spaceSource,
  w: wordClass,
  d: '\\p{Nd}',
  h: '0-9A-Fa-f',
};

/** Contents of POSIX bracket classes, with their Unicode meanings. */
export const posix: Readonly<Record<string, string>> = {
  alnum: '\\p{Alphabetic}\\p{Nd}',
  alpha: '\\p{Alphabetic}',
  ascii: '\\0-\\x7f',
  blank: '\\p{Zs}\\t',
  cntrl: '\\p{Cc}',
  digit: '\\p{Nd}',
  graph: `[\\0-\\u{10ffff}]--[${spaceSource}\\p{Cc}\\p{Cn}\\p{Cs}]`,
  lower: '\\p{Lowercase}',
  print: '[\\0-\\u{10ffff}]--[\\p{Cc}\\p{Cn}\\p{Cs}\\p{Zl}\\p{Zp}]',
  punct: '\\p{P}\\p{S}',
  space: spaceSource,
  upper: '\\p{Uppercase}',
  xdigit: '0-9A-Fa-f',
  word: wordClass,
};

/** A character as it stands in a `v`-mode class. */
export function quote(codePoint: number): string {
  const plain =
    (codePoint >= 48 && codePoint <= 57) ||
    (codePoint >= 65 && codePoint <= 90) ||
    (codePoint >= 97 && codePoint <= 122);
  return plain ? String.fromCharCode(codePoint) : `\\u{${codePoint.toString(16)}}`;
}

let cased: readonly string[] | null = null;

/** Every character with another case; made once, at the first case-insensitive class. */
function casedCharacters(): readonly string[] {
  if (cased !== null) return cased;
  const found: string[] = [];
  const changes = /\p{Changes_When_Casemapped}/u;
  for (let cp = 0; cp < 0x1ea00; cp++) {
    if (cp >= 0x3400 && cp < 0xa000) cp = 0xa000;
    const char = String.fromCodePoint(cp);
    if (changes.test(char)) found.push(char);
  }
  cased = found;
  return found;
}

/** A character's full case folding. */
export function fullFold(char: string): string {
  return char.toLowerCase().toUpperCase().toLowerCase();
}

let folded: ReadonlyMap<string, readonly string[]> | null = null;

/** Characters with another case by their full folding, which may be several characters: `ss` of \u00df. */
export function charactersByFold(): ReadonlyMap<string, readonly string[]> {
  if (folded !== null) return folded;
  const found = new Map<string, string[]>();
  for (const char of casedCharacters()) {
    const key = fullFold(char);
    found.set(key, [...(found.get(key) ?? []), char]);
  }
  folded = found;
  return found;
}

let families: ReadonlyMap<string, readonly string[]> | null = null;

/** For each character with another case, all that simple folding takes for the same. */
function caseFamilies(): ReadonlyMap<string, readonly string[]> {
  if (families !== null) return families;
  const found = new Map<string, readonly string[]>();
  // Characters of one family have one full folding; by simple folding not all that have are one family.
  for (const group of charactersByFold().values()) {
    for (const char of group) {
      const same = new RegExp(`^[${quote(char.codePointAt(0) as number)}]$`, 'vi');
      found.set(
        char,
        group.filter((other) => same.test(other)),
      );
    }
  }
  families = found;
  return found;
}

/**
 * The class with its case variants written out, by Unicode's simple folding: what an inner class leaves out comes in
 * with another case of it, and what the whole class leaves out goes with all its cases.
 */
export function foldClass(source: string): string {
  const negative = source.startsWith('[^');
  const plain = new RegExp(`^${negative ? `[${source.slice(2)}` : source}$`, 'v');
  let more = '';
  for (const [char, family] of caseFamilies()) {
    if (!plain.test(char) && family.some((other) => plain.test(other))) more += quote(char.codePointAt(0) as number);
  }
  if (more === '') return source;
  return negative ? `[^[${source.slice(2)}${more}]` : `[${source}${more}]`;
}
