import { checkText, loneSurrogate } from '../text/well-formed';

/** Zero bytes behind the text: scanners and word table read beyond a word's end. */
const slack = 16;
const encoder = new TextEncoder();

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

  /** Writes UTF-16 units [from, to); otherwise as `writeText`. */
  writeUnits(units: Uint16Array, from: number, to: number, place: number): void {
    this.reserve(to - from);
    const { bytes, view } = this;
    const pairs = new DataView(units.buffer, units.byteOffset, units.byteLength);
    let n = 0;
    for (let i = from; i < to; i++) {
      // Eight at a time where they are ASCII.
      while (i + 7 < to) {
        const w = pairs.getInt32(2 * i, true);
        const x = pairs.getInt32(2 * i + 4, true);
        const y = pairs.getInt32(2 * i + 8, true);
        const z = pairs.getInt32(2 * i + 12, true);
        if ((w | x | y | z) & 0xff80ff80) break;
        view.setInt32(n, ((w | (w >>> 8)) & 0xffff) | ((x | (x >>> 8)) << 16), true);
        view.setInt32(n + 4, ((y | (y >>> 8)) & 0xffff) | ((z | (z >>> 8)) << 16), true);
        n += 8;
        i += 8;
      }
      if (i >= to) break;
      let c = units[i] as number;
      if (c < 0x80) {
        bytes[n++] = c;
        continue;
      }
      if (c < 0x800) bytes[n++] = 0xc0 | (c >> 6);
      else {
        if ((c & 0xf800) === 0xd800) {
          const low = i + 1 < to ? (units[i + 1] as number) : 0;
          if (c >= 0xdc00 || (low & 0xfc00) !== 0xdc00) throw loneSurrogate(place + i - from);
          c = 0x10000 + ((c & 0x3ff) << 10) + (low & 0x3ff);
          i++;
          bytes[n++] = 0xf0 | (c >> 18);
          bytes[n++] = 0x80 | ((c >> 12) & 0x3f);
        } else bytes[n++] = 0xe0 | (c >> 12);
        bytes[n++] = 0x80 | ((c >> 6) & 0x3f);
      }
      bytes[n++] = 0x80 | (c & 0x3f);
    }
    this.length = n;
    this.end();
  }

  private reserve(units: number): void {
    const most = units * 3 + slack;
    if (this.bytes.length >= most) return;
    this.bytes = new Uint8Array(most);
    this.view = new DataView(this.bytes.buffer);
  }

  private end(): void {
    this.bytes.fill(0, this.length, this.length + slack);
  }
}
