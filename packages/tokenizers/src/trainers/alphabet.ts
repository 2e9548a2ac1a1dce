import type { WordChars } from './word-counts';

/** Characters of a vocabulary before any merge. */
export interface AlphabetOptions {
  /** Characters that become tokens whether seen or not; of longer texts the first character. Default none. */
  readonly initialAlphabet?: readonly string[];
  /**
   * Most characters of the alphabet, the rarest left out, initial ones last; default no limit. Those left out are
   * unknown characters, but for special tokens.
   */
  readonly limitAlphabet?: number | null;
}

/**
 * Code points that become tokens, in order: the initial ones and those seen. Of too many the rarest go, ties to the
 * higher code point; the initial ones count as frequent.
 */
export function alphabetOf({ chars, starts }: WordChars, counts: Float64Array, options: AlphabetOptions): number[] {
  const seen = new Float64Array(0x110000);
  for (let w = 0; w < counts.length; w++) {
    const count = counts[w] as number;
    const end = starts[w + 1] as number;
    for (let i = starts[w] as number; i < end; i++) {
      const c = chars[i] as number;
      seen[c] = (seen[c] as number) + count;
    }
  }
  for (const text of options.initialAlphabet ?? []) {
    const c = text.codePointAt(0);
    if (c !== undefined) seen[c] = Number.POSITIVE_INFINITY;
  }
  const alphabet: number[] = [];
  for (let c = 0; c < seen.length; c++) if ((seen[c] as number) > 0) alphabet.push(c);
  const limit = options.limitAlphabet ?? alphabet.length;
  if (limit >= alphabet.length) return alphabet;
  return alphabet
    .sort((a, b) => (seen[a] === seen[b] ? a - b : (seen[b] as number) - (seen[a] as number)))
    .slice(0, limit)
    .sort((a, b) => a - b);
}
