import { malformed } from '../config';
import type { AlignedText } from '../text/aligned-text';
import type { Edit } from '../text/edits';
import { checkGrowth, mostUnits } from '../text/growth';
import type { Normalizer } from './normalizer';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Base64 text of bytes. */
export function toBase64(bytes: Uint8Array): string {
  let text = '';
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/** Bytes of base64 text, without Node's Buffer. */
export function fromBase64(text: string, place: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
  } catch {
    throw malformed(place, 'base64', text.slice(0, 40));
  }
}

const windowUnits = 1024;

/** A SentencePiece character map: a double-array trie of byte strings and the texts that replace them. */
export class CharacterMap {
  private readonly units: Uint32Array;
  private readonly texts: Uint8Array;

  constructor(bytes: Uint8Array, place: string) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const size = bytes.length >= 4 ? view.getUint32(0, true) : 0;
    if (size === 0 || size % 4 !== 0 || size + 4 > bytes.length)
      throw malformed(place, 'a character map', `${bytes.length} bytes`);
    this.units = Uint32Array.from({ length: size / 4 }, (_, i) => view.getUint32(4 + 4 * i, true));
    this.texts = bytes.subarray(4 + size);
  }

  /** The longest entry at a place of UTF-8 bytes: its size in bytes and what replaces it, as in SentencePiece; null for none. */
  longest(bytes: Uint8Array, from: number): { readonly size: number; readonly text: string } | null {
    const { units } = this;
    const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);
    let node = offset(units[0] as number);
    let size = 0;
    let start = 0;
    for (let at = from; at < bytes.length; at++) {
      const byte = bytes[at] as number;
      if (byte === 0) break;
      node ^= byte;
      const unit = units[node];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) break;
      node ^= offset(unit);
      if ((unit >>> 8) & 1) {
        size = at + 1 - from;
        start = (units[node] ?? 0) & 0x7fffffff;
      }
    }
    return size === 0 ? null : { size, text: this.textAt(start) };
  }

  private textAt(start: number): string {
    const end = this.texts.indexOf(0, start);
    return decoder.decode(this.texts.subarray(start, end < 0 ? this.texts.length : end));
  }

  /** What replaces the text: that of the shortest entry that begins it, as in Hugging Face's library; null for none. */
  lookUp(text: string): string | null {
    const { units } = this;
    const offset = (unit: number) => (unit >>> 10) << ((unit & 0x200) >>> 6);
    let node = offset(units[0] as number);
    for (const byte of encoder.encode(text)) {
      if (byte === 0) return null;
      node ^= byte;
      const unit = units[node];
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== byte) return null;
      node ^= offset(unit);
      if ((unit >>> 8) & 1) {
        return this.textAt((units[node] ?? 0) & 0x7fffffff);
      }
    }
    return null;
  }
}

/**
 * The end of ASCII that nothing joins, a cluster by itself, or of what the segmenter has to cut: other characters, and a
 * printable one of ASCII behind such a character, which may take it into its cluster.
 */
function runEnd(text: string, at: number): number {
  let end = at + 1;
  if (text.charCodeAt(at) === 13 && text.charCodeAt(end) === 10) return end + 1;
  for (; end < text.length; end++) {
    const unit = text.charCodeAt(end);
    if (unit < 0x80 && (text.charCodeAt(end - 1) < 0x80 || unit < 0x20 || unit > 0x7e)) break;
  }
  return end;
}

/** SentencePiece's own normalisation, from the map that its model files carry. */
export class Precompiled implements Normalizer {
  private readonly map: CharacterMap | null;
  private segmenter: Intl.Segmenter | null = null;
  private readonly known = new Map<string, string | null>();

  constructor(
    private readonly encoded: string,
    private readonly place = 'normalizer.precompiled_charsmap',
  ) {
    this.map = encoded === '' ? null : new CharacterMap(fromBase64(encoded, place), place);
  }

  normalize(text: AlignedText): AlignedText {
    if (this.map === null) return text;
    const edits: Edit[] = [];
    const source = text.text;
    for (let at = 0; at < source.length; ) {
      const end = runEnd(source, at);
      if (end - at === 1) this.edit(source, at, end, edits);
      else {
        let from = at;
        for (const { length } of this.segments(source.slice(at, end))) {
          this.edit(source, from, from + length, edits);
          from += length;
        }
      }
      at = end;
    }
    const made = edits.reduce((n, edit) => n + edit.text.length - (edit.to - edit.from), source.length);
    checkGrowth(this.place, made, mostUnits(source.length));
    return text.rewrite(edits);
  }

  /** Adds what comes in the place of a cluster, or of its characters. */
  private edit(source: string, from: number, to: number, edits: Edit[]): void {
    const cluster = source.slice(from, to);
    // Only clusters of few bytes are looked up whole.
    const made = to - from === 1 || encoder.encode(cluster).length < 6 ? this.find(cluster) : null;
    if (made !== null) {
      edits.push({ from, to, text: made });
      return;
    }
    if (to - from === 1) return;
    let at = from;
    for (const char of cluster) {
      const text = this.find(char);
      if (text !== null) edits.push({ from: at, to: at + char.length, text });
      at += char.length;
    }
  }

  private find(text: string): string | null {
    let made = this.known.get(text);
    if (made === undefined) {
      made = (this.map as CharacterMap).lookUp(text);
      if (this.known.size >= 8192) this.known.clear();
      this.known.set(text, made);
    }
    return made;
  }

  /** Clusters of a run, a window at a time: the segmenter's time is not linear in the length of what it is given. */
  private *segments(run: string): Generator<string> {
    this.segmenter ??= new Intl.Segmenter('und', { granularity: 'grapheme' });
    let size = windowUnits;
    for (let at = 0; at < run.length; ) {
      const window = run.slice(at, at + size);
      const last = at + window.length === run.length;
      let begin = at;
      let held = '';
      for (const { segment } of this.segmenter.segment(window)) {
        if (held !== '') {
          yield held;
          begin += held.length;
        }
        held = segment;
      }
      // The last cluster may go on behind the window: it begins the next one.
      if (last) {
        yield held;
        return;
      }
      size = begin === at ? size * 2 : windowUnits;
      at = begin;
    }
  }

  toJSON(): Record<string, unknown> {
    return { type: 'Precompiled', precompiled_charsmap: this.encoded };
  }
}
