import { classes, letter, newline, number, space, upper } from '../text/classes';

const spaceByte = 0x20;
const quoteByte = 0x27;

/** What a byte is at the beginning of a word. */
export const begins = {
  /** Nothing that is known here: ask the scanner. */
  unknown: 0,
  /** A letter: a word with the letters behind it. */
  letter: 1,
  /** Belongs to the letters behind it, if there are some. */
  lead: 2,
  /** As `lead`; or a word by itself, where `alone` says so of the byte behind it. */
  sign: 3,
} as const;

/**
 * What a split pattern does to the most usual of words, ASCII letters behind at most one other sign, as tables: the
 * encoder finds these words four bytes at a time and asks the pattern's scanner about all others.
 */
export interface AsciiWords {
  /** By a word's first byte: one of `begins`. */
  readonly kinds: Uint8Array;
  /** By a word's first byte: bits that make capitals small among bytes 1 to 4 of the word, where they may stand. */
  readonly folds: Int32Array;
  /** The same bits for the bytes behind these. */
  readonly fold: number;
  /** By the byte behind the letters: 1 if the word surely ends there. */
  readonly stops: Uint8Array;
  /** By the byte behind a sign: 1 if the sign is a word by itself. */
  readonly alone: Uint8Array;
}

/** Settings of `asciiWords`. */
interface Traits {
  /** What may stand before letters: a space, or any sign but a newline (`[^\r\n\p{L}\p{N}]?`). */
  readonly leads: 'space' | 'signs';
  /** A capital inside a word begins a new one (o200k). */
  readonly cased?: boolean;
}

/** The tables of a pattern. */
export function asciiWords({ leads, cased = false }: Traits): AsciiWords {
  const kinds = new Uint8Array(256);
  const folds = new Int32Array(256).fill(cased ? 0x20 : 0x20202020);
  const stops = new Uint8Array(256);
  const alone = new Uint8Array(256);
  for (let b = 1; b < 128; b++) {
    const c = classes[b] as number;
    const small = (c & letter) !== 0 && (c & upper) === 0;
    if (cased && small) folds[b] = 0;
    // A quote may begin a contraction.
    if (b === quoteByte || c & (number | newline)) kinds[b] = begins.unknown;
    else if (c & letter) kinds[b] = begins.letter;
    else if (c & space) kinds[b] = b === spaceByte || leads === 'signs' ? begins.lead : begins.unknown;
    else kinds[b] = begins.sign;
    stops[b] = cased && (b === quoteByte || c & upper) ? 0 : 1;
    // Newlines behind a sign may belong to it; letters do where a sign may lead them.
    alone[b] = (c & (space | number) && !(c & newline)) || (c & letter && leads === 'space') ? 1 : 0;
  }
  // A byte of zero is also what stands behind the text's end.
  stops[0] = 1;
  return { kinds, folds, fold: cased ? 0 : 0x20202020, stops, alone };
}
