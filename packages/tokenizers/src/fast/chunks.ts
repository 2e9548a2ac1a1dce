import { Utf8 } from './utf8';

const chunkUnits = 1 << 16;
/**
 * Places where every scanned pattern ends a word, whatever follows: between a letter and a space before a letter, and
 * behind a newline between a sign and a letter.
 */
export const seam = /[A-Za-z](?= [A-Za-z])|[^\s\u0085]\n(?=\p{L})/gu;

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
      seam.lastIndex = at + chunkUnits;
      const found = seam.exec(text);
      if (found !== null) stop = Math.min(end, found.index + found[0].length);
    }
    const piece = at === 0 && stop === text.length ? text : text.slice(at, stop);
    this.utf8.writeText(piece, at);
    this.at = stop;
    return true;
  }
}
