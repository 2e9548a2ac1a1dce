import { gpt2Pattern } from '../pre-tokenizers/byte-level';
import { letter, lower, mark, newline, number, space, upper } from '../text/classes';
import { type AsciiWords, asciiWords } from './ascii-words';
import { before, classAt, runOf, runWithout, sizeOf } from './scan';

/**
 * A split pattern written out by hand over UTF-8: the end of the word that begins at `from`. The bytes hold a whole
 * text (or one that goes on, if the word ends well before `end`).
 */
export type Scanner = (bytes: Uint8Array, from: number, end: number) => number;

const spaceByte = 0x20;
const quoteByte = 0x27;

/** Bytes of `'s`, `'t`, `'re`, `'ve`, `'m`, `'ll`, `'d` at `from`, or 0. */
function contraction(bytes: Uint8Array, from: number, end: number, fold: boolean): number {
  if (bytes[from] !== quoteByte || from + 1 >= end) return 0;
  const raw = bytes[from + 1] as number;
  const a = fold ? raw | 0x20 : raw;
  if (a === 0x73 || a === 0x74 || a === 0x6d || a === 0x64) return 2;
  // Unicode folds the long s (U+017F) to s.
  if (fold && raw === 0xc5 && from + 2 < end && bytes[from + 2] === 0xbf) return 3;
  if (from + 2 >= end) return 0;
  const b = fold ? (bytes[from + 2] as number) | 0x20 : (bytes[from + 2] as number);
  if (b === 0x65 && (a === 0x72 || a === 0x76)) return 3;
  return b === 0x6c && a === 0x6c ? 3 : 0;
}

/** `\s+(?!\S)|\s+`: a run of whitespace without its last character, unless nothing follows or it is the only one. */
function blank(bytes: Uint8Array, from: number, end: number): number {
  const stop = runOf(bytes, from, end, space);
  if (stop === end) return stop;
  const last = before(bytes, stop);
  return last > from ? last : stop;
}

/** GPT-2's pattern. With `digits`, each number character was a word of its own before (SmolLM's pre-tokenizer). */
function gpt2Scanner(digits: boolean): Scanner {
  return (bytes, from, end) => {
    const short = contraction(bytes, from, end, false);
    if (short > 0) return from + short;
    const first = bytes[from] as number;
    const at = first === spaceByte && from + 1 < end ? from + 1 : from;
    const c = classAt(bytes, at);
    if (c & letter) return runOf(bytes, at, end, letter);
    if (c & number) {
      if (!digits) return runOf(bytes, at, end, number);
      return at > from ? at : at + sizeOf(bytes[at] as number);
    }
    if (!(c & space)) return runWithout(bytes, at, end, letter | number | space);
    if (!digits) return blank(bytes, from, end);
    const stop = runOf(bytes, from, end, space);
    return stop < end && classAt(bytes, stop) & number ? stop : blank(bytes, from, end);
  };
}

/** Settings of `cl100kScanner`. */
interface Cl100kOptions {
  /** Digits of a group: `\p{N}{1,3}` or `\p{N}`. */
  readonly digits: 1 | 3;
  /** tiktoken's `\s++$`: whitespace at the very end is one word, newlines or not. */
  readonly wholeTail: boolean;
  /** Marks count as letters (`[\p{L}\p{M}]+`). */
  readonly marks: boolean;
}

/** The pattern of cl100k_base, Llama 3 and Qwen. */
function cl100kScanner({ digits, wholeTail, marks }: Cl100kOptions): Scanner {
  const word = marks ? letter | mark : letter;
  return (bytes, from, end) => {
    const first = bytes[from] as number;
    const c = classAt(bytes, from);
    if (c & word) return runOf(bytes, from + sizeOf(first), end, word);
    if (c & number) return someNumbers(bytes, from, end, digits);
    const short = contraction(bytes, from, end, true);
    if (short > 0) return from + short;
    const second = from + sizeOf(first);
    const d = second < end ? classAt(bytes, second) : 0;
    // [^\r\n\p{L}\p{N}]?\p{L}+
    if (d & word && !(c & newline)) return runOf(bytes, second, end, word);
    // ␣?[^\s\p{L}\p{N}]+[\r\n]*
    const sign =
      first === spaceByte && second < end && !(d & (letter | number | space | (marks ? mark : 0))) ? second : from;
    if (sign === second || !(c & space)) {
      const stop = runWithout(bytes, sign, end, letter | number | space | (marks ? mark : 0));
      return runOf(bytes, stop, end, newline);
    }
    return blankLines(bytes, from, end, wholeTail);
  };
}

function someNumbers(bytes: Uint8Array, from: number, end: number, most: number): number {
  let at = from;
  for (let k = 0; k < most && at < end && classAt(bytes, at) & number; k++) at += sizeOf(bytes[at] as number);
  return at;
}

/** `\s*[\r\n]+|\s+(?!\S)|\s+`: up to the last newline of the run, else as `blank`. */
function blankLines(bytes: Uint8Array, from: number, end: number, wholeTail: boolean): number {
  const stop = runOf(bytes, from, end, space);
  if (wholeTail && stop === end) return stop;
  for (let at = stop - 1; at >= from; at--) {
    const b = bytes[at] as number;
    if (b === 0x0a || b === 0x0d) return at + 1;
  }
  if (stop === end) return stop;
  const last = before(bytes, stop);
  return last > from ? last : stop;
}

/** The pattern of o200k_base: words cut where lower case turns to upper, contractions at their end. */
function o200kScanner(bytes: Uint8Array, from: number, end: number): number {
  const first = bytes[from] as number;
  const c = classAt(bytes, from);
  const anyCase = upper | lower;
  const second = from + sizeOf(first);
  const d = second < end ? classAt(bytes, second) : 0;
  const signed = !(c & (newline | letter | number)) && d & anyCase;
  let stop = signed ? lowerEnd(bytes, second, end) : 0;
  // A mark may be the sign before a word or begin one: the pattern tries the sign first.
  if (stop === 0 && c & anyCase) stop = lowerEnd(bytes, from, end);
  if (stop === 0 && (signed || c & anyCase))
    stop = runOf(bytes, runOf(bytes, signed ? second : from, end, upper), end, lower);
  if (stop > 0) return stop + contraction(bytes, stop, end, true);
  if (c & number) return someNumbers(bytes, from, end, 3);
  // ␣?[^\s\p{L}\p{N}]+[\r\n/]*
  const sign = first === spaceByte && second < end && !(d & (letter | number | space)) ? second : from;
  if (sign === second || !(c & space)) {
    stop = runWithout(bytes, sign, end, letter | number | space);
    while (stop < end && (bytes[stop] === 0x0a || bytes[stop] === 0x0d || bytes[stop] === 0x2f)) stop++;
    return stop;
  }
  return blankLines(bytes, from, end, false);
}

/** The end of `[Lu Lt Lm Lo M]*[Ll Lm Lo M]+`, or 0 if the run has only capitals. */
function lowerEnd(bytes: Uint8Array, from: number, end: number): number {
  const capitals = runOf(bytes, from, end, upper);
  const stop = runOf(bytes, capitals, end, lower);
  if (stop > capitals) return stop;
  // Given back up to the last caseless character.
  for (let at = capitals; at > from; ) {
    const last = before(bytes, at);
    if (classAt(bytes, last) & lower) return at;
    at = last;
  }
  return 0;
}

const ordinary = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const spaces = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const signs = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*';

/** Patterns that published tokenizers use, spelled as they spell them. */
export const patterns = {
  gpt2: gpt2Pattern,
  llama3: `${contractions}|${ordinary}|\\p{N}{1,3}|${signs}|${spaces}`,
  qwen2: `${contractions}|${ordinary}|\\p{N}|${signs}|${spaces}`,
  qwen35: `${contractions}|[^\\r\\n\\p{L}\\p{N}]?[\\p{L}\\p{M}]+|\\p{N}| ?[^\\s\\p{L}\\p{M}\\p{N}]+[\\r\\n]*|${spaces}`,
  cl100k:
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
  o200k:
    "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
} as const;

/** What the encoder needs of a split pattern. */
export interface Splitter {
  readonly scan: Scanner;
  readonly ascii: AsciiWords;
}

const spaced = asciiWords({ leads: 'space' });
const signed = asciiWords({ leads: 'signs' });

export function gpt2Splitter(digits: boolean): Splitter {
  return { scan: gpt2Scanner(digits), ascii: spaced };
}

function cl100kSplitter(options: Cl100kOptions): Splitter {
  return { scan: cl100kScanner(options), ascii: signed };
}

const splitters = new Map<string, Splitter>([
  [patterns.gpt2, gpt2Splitter(false)],
  ["'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++$|\\s+(?!\\S)|\\s", gpt2Splitter(false)],
  [patterns.llama3, cl100kSplitter({ digits: 3, wholeTail: false, marks: false })],
  [patterns.qwen2, cl100kSplitter({ digits: 1, wholeTail: false, marks: false })],
  [patterns.qwen35, cl100kSplitter({ digits: 1, wholeTail: false, marks: true })],
  [patterns.cl100k, cl100kSplitter({ digits: 3, wholeTail: true, marks: false })],
  [patterns.o200k, { scan: o200kScanner, ascii: asciiWords({ leads: 'signs', cased: true }) }],
]);

/** The splitter that does what a pattern does, if there is one. */
export function splitterFor(pattern: string): Splitter | null {
  return splitters.get(pattern) ?? null;
}
