/** A normalised text and where each of its UTF-16 units came from: [starts[i], ends[i]) in the original. */
export interface Aligned {
  readonly text: string;
  readonly starts: Int32Array;
  readonly ends: Int32Array;
}

const decomposedLength = (char: string): number => [...char.normalize('NFD')].length;

/**
 * NFC of a text with the place of each character, or null where the text is in NFC already. A composed character
 * stands at the first of the characters that it was composed of, as in Hugging Face's library.
 */
export function alignedNfc(text: string): Aligned | null {
  const normal = text.normalize('NFC');
  if (normal === text) return null;
  const original = [...text];
  const starts = new Int32Array(normal.length);
  const ends = new Int32Array(normal.length);
  let unit = 0;
  let next = 0;
  let at = 0;
  // Composition and decomposition keep the number of fully decomposed characters, so counting them aligns the two.
  let surplus = 0;
  for (const char of normal) {
    const first = original[next] ?? '';
    for (let i = 0; i < char.length; i++, unit++) {
      starts[unit] = at;
      ends[unit] = at + first.length;
    }
    surplus += decomposedLength(char);
    while (next < original.length) {
      const length = decomposedLength(original[next] as string);
      if (length > surplus) break;
      surplus -= length;
      at += (original[next] as string).length;
      next++;
      if (surplus === 0) break;
    }
  }
  return { text: normal, starts, ends };
}
