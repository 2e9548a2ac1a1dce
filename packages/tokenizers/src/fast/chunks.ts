import { checkText } from '../text/well-formed';

const chunkUnits = 1 << 16;
/**
 * Places where every scanned pattern ends a word, whatever follows: between a letter and a space before a letter, and
 * behind a newline between a sign and a letter.
 */
const seam = /[A-Za-z](?= [A-Za-z])|[^\s\u0085]\n(?=\p{L})/gu;
/** Zero bytes behind every chunk: scanners and word table read beyond a word's end. */
const slack = 16;
const encoder = new TextEncoder();

/** UTF-8 of a long text in chunks that end between words. The bytes are valid until the next chunk is asked for. */
export class Utf8Chunks {
  bytes = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  /** Bytes of the chunk. */
  length = 0;
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
   * Fills `bytes`; false when the text is at its end.
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
    const most = piece.length * 3;
    if (this.bytes.length < most + slack) {
      this.bytes = new Uint8Array(most + slack);
      this.view = new DataView(this.bytes.buffer);
    }
    this.length = encoder.encodeInto(piece, this.bytes).written;
    // As many bytes as units: all ASCII.
    if (this.length !== piece.length) checkText(piece, at);
    this.bytes.fill(0, this.length, this.length + slack);
    this.at = stop;
    return true;
  }
}
