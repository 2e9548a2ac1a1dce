/** A stretch of a text, and what comes in its place. */
export interface Edit {
  readonly from: number;
  readonly to: number;
  readonly text: string;
  /** How each character relates to the old ones, as in `AlignedText.transform`; default: see `AlignedText.rewrite`. */
  readonly changes?: readonly number[];
}

/** A text with edits, in order; stretches between them are copied. */
export function stitched(text: string, edits: readonly Edit[]): string {
  const pieces: string[] = [];
  let done = 0;
  for (const { from, to, text: made } of edits) {
    pieces.push(text.slice(done, from), made);
    done = to;
  }
  return pieces.join('') + text.slice(done);
}

/** The characters of a text with edits, and how each relates to the old ones. */
export function changesOf(text: string, edits: readonly Edit[]): { chars: string[]; changes: number[] } {
  const chars: string[] = [];
  const changes: number[] = [];
  let done = 0;
  const keep = (to: number) => {
    for (const char of text.slice(done, to)) {
      chars.push(char);
      changes.push(0);
    }
  };
  for (const { from, to, text: made, changes: given } of edits) {
    keep(from);
    done = to;
    const parts = [...made];
    if (given !== undefined) {
      for (const char of parts) chars.push(char);
      for (const change of given) changes.push(change);
      continue;
    }
    const grown = parts.length - [...text.slice(from, to)].length;
    parts.forEach((char, i) => {
      chars.push(char);
      changes.push(grown > 0 && i >= parts.length - grown ? 1 : 0);
    });
    if (grown < 0 && changes.length > 0) changes[changes.length - 1] = (changes[changes.length - 1] as number) + grown;
  }
  keep(text.length);
  return { chars, changes };
}
