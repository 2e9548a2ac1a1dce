import { byteToChar } from '../text/byte-alphabet';
import { codePointAt, sizeOf } from '../fast/scan';

/** What was counted, and what was given up to stay in memory. */
export interface CountReport {
  /** Number of texts. */
  readonly texts: number;
  /** Their UTF-16 units. */
  readonly units: number;
  /** Words W that are left, each counted once. */
  readonly distinctWords: number;
  /** Rare words that were dropped because there were more than the limits allow; 0 means that the counts are exact. */
  readonly prunedWords: number;
  /** How often they had been seen. */
  readonly prunedOccurrences: number;
  /** No word was seen more often than its count says plus this; 0 if nothing was dropped. */
  readonly countError: number;
}

/** W words one behind the other in bytes, in the order in which they were first seen. */
export interface PackedWords {
  /** The bytes of all words; `WordCounts.kind` tells what they are. */
  readonly bytes: Uint8Array;
  /** Bytes of each word (W,). */
  readonly lengths: Int32Array;
  /** How often each was seen (W,). */
  readonly counts: Float64Array;
}

/** Words and how often each was seen. */
export interface WordCounts extends PackedWords {
  /** `utf8`: the bytes spell the word. `bytes`: the word is what the bytes stand for in the byte alphabet. */
  readonly kind: 'bytes' | 'utf8';
  readonly report: CountReport;
}

/** Words as the code points of their characters, one behind the other. */
export interface WordChars {
  readonly chars: Int32Array;
  /** Where each word begins, and the end (W + 1,). */
  readonly starts: Int32Array;
}

/** The characters of counted words. */
export function charsOf({ bytes, lengths, kind }: WordCounts): WordChars {
  let total = 0;
  if (kind === 'bytes') total = bytes.length;
  else for (let i = 0; i < bytes.length; i++) if (((bytes[i] as number) & 0xc0) !== 0x80) total++;
  const chars = new Int32Array(total);
  const starts = new Int32Array(lengths.length + 1);
  const byteChars = Int32Array.from({ length: 256 }, (_, b) => byteToChar(b).codePointAt(0) as number);
  let at = 0;
  let n = 0;
  for (let w = 0; w < lengths.length; w++) {
    const end = at + (lengths[w] as number);
    if (kind === 'bytes') while (at < end) chars[n++] = byteChars[bytes[at++] as number] as number;
    else
      while (at < end) {
        chars[n++] = codePointAt(bytes, at);
        at += sizeOf(bytes[at] as number);
      }
    starts[w + 1] = n;
  }
  return { chars, starts };
}

/** The text of characters [from, to). */
export function textOf(chars: Int32Array, from: number, to: number): string {
  let text = '';
  for (let i = from; i < to; i++) text += String.fromCodePoint(chars[i] as number);
  return text;
}
