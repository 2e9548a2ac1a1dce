import { Utf8 } from './utf8';

const chunkUnits = 1 << 16;
/**
 * Places where every scanned pattern ends a word, whatever follows: between a letter and a space before a letter, and
 * behind a newline between a sign and a letter.
 */
const seam = /[A-Za-z](?= [A-Za-z])|[^\s\u0085]\n(?=\p{L})/gu;

/** Where the first seam at or behind `from` ends a word, or -1 if there is none before `to`. */
export function seamFrom(text: string, from: number, to: number): number {
  // Of the slice: behind it the search could go on to the end of the whole text, again for every stretch of it.
  seam.lastIndex = 0;
  const found = seam.exec(text.slice(from, to));
  return found === null ? -1 : from + found.index + found[0].length;
}

/** UTF-8 of a long text in chunks that end between words. */
export class Utf8Chunks {
  readonly utf8 = new Utf8();
  private at = 0;
  private end = 0;
  private text = '';

  /** Begins with text units [from, to). */
  open(text: string, from: number, to: number): void {
    this.text = text;
    this.at = from;
    this.end = to;
  }

  /**
   * Fills `utf8`; false when the text is at its end.
   *
   * @throws TokenizerError `invalid_text` for a lone surrogate.
   */
  next(): boolean {
    const { at, end, text } = this;
    if (at >= end) {
      this.text = '';
      return false;
    }
    let stop = end;
    if (end - at > chunkUnits) {
      const found = seamFrom(text, at + chunkUnits, end);
      if (found >= 0) stop = found;
    }
    const piece = at === 0 && stop === text.length ? text : text.slice(at, stop);
    this.utf8.writeText(piece, at);
    this.at = stop;
    return true;
  }
}
