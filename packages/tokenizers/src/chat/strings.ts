import type { MarkedText } from './marked-text';
import type { Run } from './run';
import { concat, joined } from './values';

/** What Python's `str.isspace` accepts, for a class of characters. */
export const pythonSpaces =
  '\\t-\\r\\u001c-\\u0020\\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000';
/** One character that Python's `str.isspace` accepts; JavaScript's `\s` differs in a few. */
export const pythonSpace: RegExp = new RegExp(`[${pythonSpaces}]`);
const words = new RegExp(`[^${pythonSpaces}]+`, 'g');
const lineEnd = /\r\n|[\n\r\v\f\u001c-\u001e\u0085\u2028\u2029]/g;

/** Which sides of a text an operation is about. */
export type Side = 'both' | 'left' | 'right';

/** `str.strip`, `lstrip`, `rstrip`: takes characters of `chars`, or whitespace, from the sides. */
export function strip(value: MarkedText, side: Side, chars: string | null): MarkedText {
  const set = chars === null ? null : new Set(chars);
  const drop = (char: string) => (set === null ? pythonSpace.test(char) : set.has(char));
  const { text } = value;
  let from = 0;
  let to = text.length;
  if (side !== 'right') {
    while (from < to) {
      const char = String.fromCodePoint(text.codePointAt(from) as number);
      if (!drop(char)) break;
      from += char.length;
    }
  }
  if (side !== 'left') {
    while (to > from) {
      const pair = to - from > 1 && /^[\ud800-\udbff][\udc00-\udfff]$/.test(text.slice(to - 2, to));
      const char = text.slice(pair ? to - 2 : to - 1, to);
      if (!drop(char)) break;
      to -= char.length;
    }
  }
  return value.slice(from, to);
}

/** `str.split` and `rsplit` at a separator. */
function splitAt(run: Run, value: MarkedText, separator: string, most: number, fromRight: boolean): MarkedText[] {
  if (separator === '') return run.fail('empty separator');
  const places: number[] = [];
  if (fromRight) {
    for (let at = value.length; places.length < most; ) {
      const found = at < separator.length ? -1 : value.text.lastIndexOf(separator, at - separator.length);
      if (found < 0) break;
      places.unshift(found);
      at = found;
    }
  } else {
    for (let at = 0; places.length < most; ) {
      const found = value.text.indexOf(separator, at);
      if (found < 0) break;
      places.push(found);
      at = found + separator.length;
    }
  }
  const parts: MarkedText[] = [];
  let done = 0;
  for (const place of places) {
    parts.push(value.slice(done, place));
    done = place + separator.length;
  }
  parts.push(value.slice(done));
  return parts;
}

/** `str.split` and `rsplit`; without a separator at runs of whitespace. */
export function split(
  run: Run,
  value: MarkedText,
  separator: MarkedText | null,
  maxSplit: number,
  fromRight = false,
): MarkedText[] {
  run.charge(value.length + value.user.length + 1);
  const most = maxSplit < 0 ? Number.POSITIVE_INFINITY : maxSplit;
  if (separator !== null) return splitAt(run, value, separator.text, most, fromRight);
  const found = Array.from(value.text.matchAll(words), (match): [number, number] => [
    match.index,
    match.index + match[0].length,
  ]);
  if (found.length > most) {
    // What is left over keeps its inner whitespace.
    const rest = fromRight ? found.slice(0, found.length - most) : found.slice(most);
    const one: [number, number] = fromRight
      ? [rest[0]?.[0] ?? 0, rest.at(-1)?.[1] ?? 0]
      : [rest[0]?.[0] ?? 0, value.length];
    if (fromRight) found.splice(0, rest.length, [0, one[1]]);
    else found.splice(most, rest.length, one);
  }
  return found.map(([from, to]) => value.slice(from, to));
}

export function splitLines(run: Run, value: MarkedText, keepEnds: boolean): MarkedText[] {
  run.charge(value.length + 1);
  const lines: MarkedText[] = [];
  let done = 0;
  for (const { 0: end, index } of value.text.matchAll(lineEnd)) {
    lines.push(value.slice(done, keepEnds ? index + end.length : index));
    done = index + end.length;
  }
  if (done < value.length) lines.push(value.slice(done));
  return lines;
}

/** `str.replace`. */
export function replace(run: Run, value: MarkedText, from: MarkedText, to: MarkedText, count: number): MarkedText {
  const most = count < 0 ? Number.POSITIVE_INFINITY : count;
  if (from.length === 0) {
    const places = value.points() ?? Array.from({ length: value.length + 1 }, (_, i) => i);
    run.charge(places.length * (to.length + 1));
    const parts: MarkedText[] = [];
    places.forEach((place, i) => {
      if (i < most) parts.push(to);
      if (i + 1 < places.length) parts.push(value.slice(place, places[i + 1]));
    });
    return concat(run, parts);
  }
  const parts = splitAt(run, value, from.text, most, false);
  run.charge(parts.length * (to.length + value.user.length + 1));
  return joined(run, parts, to);
}

/** `str.count`: occurrences that don't overlap. */
export function count(value: string, sought: string): number {
  if (sought === '') return [...value].length + 1;
  return value.split(sought).length - 1;
}

/** Letters whose form at the beginning of a word is no capital. */
const digraphs = 'ǄǅǆǇǈǉǊǋǌǱǲǳ';

/** A character at the beginning of a word; that JavaScript has no mapping for. */
function titleCase(char: string): string {
  const at = digraphs.indexOf(char);
  if (at >= 0) return digraphs[at - (at % 3) + 1] as string;
  if (/[\u10d0-\u10ff]/.test(char)) return char;
  const upper = char.toUpperCase();
  const [first = '', ...rest] = upper;
  if (rest.length === 0 || first === '\u02bc') return upper;
  // A second capital is a small one, and an iota goes below the first.
  if (rest.includes('\u0399')) return (first + rest.join('').replaceAll('\u0399', '\u0345')).normalize('NFC');
  return first + rest.join('').toLowerCase();
}

/** `str.title`: letters after what is no cased letter become capitals. */
export function pythonTitle(value: string): string {
  return value.replace(/\p{Cased}+/gu, (word) => {
    const first = String.fromCodePoint(word.codePointAt(0) as number);
    return titleCase(first) + withoutFirst(word, first);
  });
}

export function capitalize(value: string): string {
  if (value === '') return '';
  const first = String.fromCodePoint(value.codePointAt(0) as number);
  return titleCase(first) + withoutFirst(value, first);
}

/** What follows the first character, small: a sigma needs the whole word. */
function withoutFirst(value: string, first: string): string {
  return value.toLowerCase().slice(first.toLowerCase().length);
}

const every = (pattern: RegExp) => (value: string) => value !== '' && [...value].every((char) => pattern.test(char));

function cased(value: string, other: RegExp): boolean {
  return /\p{Cased}/u.test(value) && !other.test(value);
}

const unprintable = /[\p{C}\p{Z}]/u;

/** `str.isdigit` and the others that ask about every character. */
export const questions: Readonly<Record<string, (value: string) => boolean>> = {
  isdigit: every(/[\p{Nd}\u00b2\u00b3\u00b9\u2070-\u2089]/u),
  isdecimal: every(/\p{Nd}/u),
  isnumeric: every(/\p{N}/u),
  isalpha: every(/\p{L}/u),
  isalnum: every(/[\p{L}\p{N}]/u),
  isspace: every(pythonSpace),
  isascii: (value) => [...value].every((char) => (char.codePointAt(0) as number) < 128),
  isupper: (value) => cased(value, /[\p{Ll}\p{Lt}]/u),
  islower: (value) => cased(value, /[\p{Lu}\p{Lt}]/u),
  istitle: (value) => /\p{Cased}/u.test(value) && pythonTitle(value) === value,
  isprintable: (value) => !unprintable.test(value.replaceAll(' ', '')),
  isidentifier: (value) => /^[\p{ID_Start}_]\p{ID_Continue}*$/u.test(value),
};
