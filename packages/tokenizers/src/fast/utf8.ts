import { checkText } from '../text/well-formed';

/** Zero bytes behind the text: scanners and word table read beyond a word's end. */
const slack = 16;
/** Memory beyond this is given back at the next text that needs less. */
const mostKept = 1 << 20;
const encoder = new TextEncoder();

/** Whether memory of a size is used again: it is enough, and none that it would be a waste to keep. */
export function isOfUse(size: number, needed: number, kept: number): boolean {
  return size >= needed && size <= Math.max(needed, kept);
}

/** UTF-8 of a text in memory that is used again; valid until the next one is written. */
export class Utf8 {
  bytes = new Uint8Array(0);
  view = new DataView(this.bytes.buffer);
  /** Bytes of the text. */
  length = 0;

  /**
   * Writes a text.
   *
   * @param place Where it begins in the one that errors speak of.
   * @throws TokenizerError `invalid_text` for a lone surrogate.
   */
  writeText(text: string, place: number): void {
    this.reserve(text.length);
    this.length = encoder.encodeInto(text, this.bytes).written;
    // As many bytes as units: all ASCII.
    if (this.length !== text.length) checkText(text, place);
    this.end();
  }

  private reserve(units: number): void {
    const most = units * 3 + slack;
    if (isOfUse(this.bytes.length, most, mostKept)) return;
    this.bytes = new Uint8Array(most);
    this.view = new DataView(this.bytes.buffer);
  }

  private end(): void {
    this.bytes.fill(0, this.length, this.length + slack);
  }
}
