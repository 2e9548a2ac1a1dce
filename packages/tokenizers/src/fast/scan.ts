import { classOf, classes } from '../text/classes';

/** The code point at a byte of valid UTF-8. */
export function codePointAt(bytes: Uint8Array, at: number): number {
  const a = bytes[at] as number;
  if (a < 0x80) return a;
  const b = (bytes[at + 1] as number) & 0x3f;
  if (a < 0xe0) return ((a & 0x1f) << 6) | b;
  const c = (bytes[at + 2] as number) & 0x3f;
  if (a < 0xf0) return ((a & 0x0f) << 12) | (b << 6) | c;
  return ((a & 0x07) << 18) | (b << 12) | (c << 6) | ((bytes[at + 3] as number) & 0x3f);
}

/** Bytes of the character that begins with this byte. */
export function sizeOf(first: number): number {
  return first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/** The class bits of the character at a byte. */
export function classAt(bytes: Uint8Array, at: number): number {
  const first = bytes[at] as number;
  return first < 0x80 ? (classes[first] as number) : classOf(codePointAt(bytes, at));
}

/** The end of the run of characters that have one of the bits. */
export function runOf(bytes: Uint8Array, from: number, end: number, bits: number): number {
  let at = from;
  while (at < end) {
    const first = bytes[at] as number;
    if (first < 0x80) {
      if (((classes[first] as number) & bits) === 0) return at;
      at++;
    } else {
      if ((classOf(codePointAt(bytes, at)) & bits) === 0) return at;
      at += sizeOf(first);
    }
  }
  return at;
}

/** The end of the run of characters that have none of the bits. */
export function runWithout(bytes: Uint8Array, from: number, end: number, bits: number): number {
  let at = from;
  while (at < end) {
    const first = bytes[at] as number;
    if (first < 0x80) {
      if (((classes[first] as number) & bits) !== 0) return at;
      at++;
    } else {
      if ((classOf(codePointAt(bytes, at)) & bits) !== 0) return at;
      at += sizeOf(first);
    }
  }
  return at;
}

/** Where the last character before `at` begins. */
export function before(bytes: Uint8Array, at: number): number {
  let i = at - 1;
  while (((bytes[i] as number) & 0xc0) === 0x80) i--;
  return i;
}
