/** White_Space of Unicode: Oniguruma's and Rust's `\s`. JavaScript's lacks U+0085 and has U+FEFF. */
export const spaceSource =
  '\\t-\\r \\u{85}\\u{a0}\\u{1680}\\u{2000}-\\u{200a}\\u{2028}\\u{2029}\\u{202f}\\u{205f}\\u{3000}';

const space = new RegExp(`^[${spaceSource}]$`, 'u');
const loneSurrogate = /[\ud800-\udfff]/u;

/** True for a character (or code unit) of Unicode's White_Space. */
export function isSpace(char: string): boolean {
  return space.test(char);
}

/** Place of the first lone surrogate, or -1. */
export function findLoneSurrogate(text: string): number {
  const modern = text as { isWellFormed?: () => boolean };
  // Constant time for one-byte strings where the engine has it.
  if (modern.isWellFormed?.() === true) return -1;
  return text.search(loneSurrogate);
}

/** Number of UTF-8 bytes of a code point. */
export function utf8Length(codePoint: number): number {
  return codePoint < 0x80 ? 1 : codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
}

/** Code units of the character at a place: 1 or 2. */
export function unitsAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

/** True if the text has characters of two code units. */
function hasAstral(text: string): boolean {
  return /[\ud800-\udbff]/.test(text);
}

/** For each code unit (and the end) the number of code points before it; null if they are the same. */
export function codePointPlaces(text: string): Int32Array | null {
  if (!hasAstral(text)) return null;
  const places = new Int32Array(text.length + 1);
  let count = 0;
  for (let i = 0; i < text.length; i++) {
    places[i] = count;
    const unit = text.charCodeAt(i);
    if ((unit & 0xfc00) === 0xd800) {
      i++;
      places[i] = count;
    }
    count++;
  }
  places[text.length] = count;
  return places;
}
