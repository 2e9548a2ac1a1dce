import { PairTable } from '../models/pair-table';

/** True for the first byte of a character of three bytes: Chinese, Japanese, Korean, Thai and others. */
const leads = (byte: number) => (byte & 0xf0) === 0xe0;
const continues = (byte: number) => (byte & 0xc0) === 0x80;

/**
 * Places in a word that no token reaches across, between two characters of three bytes each: merges never do so either,
 * hence the parts can be merged, and remembered, one by one. Scripts without spaces make words of whole clauses that
 * never come again, but nearly all of their pairs of characters are such places.
 */
export class CharSeams {
  /** What tokens have on both sides of a place between characters: up to three bytes, fewer where a token ends. */
  private readonly crossed = new PairTable(1 << 12);
  /** 1 where a token with fewer than three bytes on a side has these two around the place: the last six bits and four. */
  private readonly partly = new Uint8Array(1 << 10);

  /** Takes a token, its bytes [0, length); false if no character of three bytes begins in it. */
  add(bytes: Uint8Array, length: number): boolean {
    let found = false;
    for (let at = 0; at < length; at++) {
      if (!leads(bytes[at] as number)) continue;
      found = true;
      if (at === 0) continue;
      const left = Math.min(at, 3);
      // Behind a character of three bytes, or what may be its end.
      if (left === 3 ? !leads(bytes[at - 3] as number) : !continues(bytes[0] as number)) continue;
      const right = Math.min(length - at, 3);
      this.crossed.set(packed(bytes, at - left, left), packed(bytes, at, right), 1);
      if (left + right < 6) this.partly[around(bytes, at)] = 1;
    }
    return found;
  }

  /** The first such place behind `from`, or `to`. */
  next(bytes: Uint8Array, from: number, to: number): number {
    for (let at = from; at + 6 <= to; ) {
      if (!leads(bytes[at] as number)) at++;
      else {
        at += 3;
        if (leads(bytes[at] as number) && !this.isCrossed(bytes, at)) return at;
      }
    }
    return to;
  }

  private isCrossed(bytes: Uint8Array, at: number): boolean {
    const { crossed } = this;
    if (crossed.find(packed(bytes, at - 3, 3), packed(bytes, at, 3)) >= 0) return true;
    if (this.partly[around(bytes, at)] === 0) return false;
    for (let left = 1; left <= 3; left++) {
      const before = packed(bytes, at - left, left);
      for (let right = 1; right <= 3; right++) {
        if (crossed.find(before, packed(bytes, at, right)) >= 0) return true;
      }
    }
    return false;
  }
}

function around(bytes: Uint8Array, at: number): number {
  return (((bytes[at - 1] as number) & 63) << 4) | ((bytes[at] as number) & 15);
}

/** Up to three bytes, none of them NUL, as a number that tells them from fewer. */
function packed(bytes: Uint8Array, from: number, count: number): number {
  let out = 0;
  for (let i = 0; i < count; i++) out = (out << 8) | (bytes[from + i] as number);
  return out;
}
