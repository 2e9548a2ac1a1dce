import { mergeSymbols } from '../models/bpe-merge';
import type { Bpe } from '../models/bpe';
import { byteToChar } from '../text/byte-alphabet';
import { Utf8Chunks } from './chunks';
import type { IdList } from './id-list';
import type { Scanner } from './scanners';
import { WordTable, longestWord } from './word-table';

/** No vocabulary has longer tokens than this, in bytes; longer words are never looked up whole. */
const longestToken = 4096;

/**
 * The short way from text to the ids of a byte-level BPE: UTF-8 bytes, a scanner that finds the words, a table of
 * words met before; only new words are merged. Same ids as the pipeline of components.
 */
export class ByteBpe {
  private readonly chunks = new Utf8Chunks();
  private readonly words = new WordTable();
  /** Ids of words of several tokens: a count, then the ids. */
  private sets = new Int32Array(1 << 12);
  private used = 0;
  private symbols = new Int32Array(longestWord);

  private constructor(
    private readonly model: Bpe,
    private readonly scan: Scanner,
    private readonly byteIds: Int32Array,
  ) {}

  /** null if the model is not byte-level through and through. */
  static of(model: Bpe, scan: Scanner): ByteBpe | null {
    const { dropout, continuingSubwordPrefix, endOfWordSuffix } = model.options;
    if (dropout || continuingSubwordPrefix || endOfWordSuffix) return null;
    const byteIds = new Int32Array(256);
    for (let b = 0; b < 256; b++) {
      const id = model.vocab.get(byteToChar(b));
      if (id === undefined) return null;
      byteIds[b] = id;
    }
    return new ByteBpe(model, scan, byteIds);
  }

  /** Adds the ids of text units [from, to). */
  encode(text: string, from: number, to: number, out: IdList): void {
    const { chunks, scan, words } = this;
    chunks.open(text, from, to);
    while (chunks.next()) {
      const { bytes, view, length } = chunks;
      // A token takes at least one byte.
      out.reserve(length);
      const { ids } = out;
      let n = out.length;
      for (let at = 0; at < length; ) {
        const end = scan(bytes, at, length);
        if (end - at > longestWord) {
          n = this.mergeInto(bytes, at, end, ids, n);
          at = end;
          continue;
        }
        const known = words.find(view, at, end);
        const value = known >= 0 ? words.value(known) : this.learn(bytes, view, at, end);
        if (value >= 0) ids[n++] = value;
        else {
          const set = ~value;
          const count = this.sets[set] as number;
          for (let k = 1; k <= count; k++) ids[n++] = this.sets[set + k] as number;
        }
        at = end;
      }
      out.length = n;
    }
  }

  /** Merges a new word and remembers it: its one id, or the complement of where its ids are. */
  private learn(bytes: Uint8Array, view: DataView, from: number, to: number): number {
    const count = this.merge(bytes, from, to);
    let value = this.symbols[0] as number;
    if (count > 1) {
      if (this.used + count + 1 > this.sets.length) {
        const grown = new Int32Array(this.sets.length * 2);
        grown.set(this.sets);
        this.sets = grown;
      }
      value = ~this.used;
      this.sets[this.used] = count;
      this.sets.set(this.symbols.subarray(0, count), this.used + 1);
    }
    if (!this.words.insert(view, from, to, value)) {
      // The table is empty again; this word's ids stay where they are for the caller.
      const at = count > 1 ? this.used : 0;
      if (count > 1) this.sets.copyWithin(0, at, at + count + 1);
      this.used = 0;
      return count > 1 ? ~0 : value;
    }
    if (count > 1) this.used += count + 1;
    return value;
  }

  private mergeInto(bytes: Uint8Array, from: number, to: number, ids: Int32Array, n: number): number {
    const count = this.merge(bytes, from, to);
    ids.set(this.symbols.subarray(0, count), n);
    if (this.symbols.length > 1 << 16) this.symbols = new Int32Array(longestWord);
    return n + count;
  }

  /** Merges a word into `symbols`. */
  private merge(bytes: Uint8Array, from: number, to: number): number {
    const { byteIds, model } = this;
    const length = to - from;
    if (this.symbols.length < length) this.symbols = new Int32Array(length);
    const { symbols } = this;
    if (model.ignoreMerges && length <= longestToken) {
      let word = '';
      for (let i = from; i < to; i++) word += byteToChar(bytes[i] as number);
      const whole = model.vocab.get(word);
      if (whole !== undefined) {
        symbols[0] = whole;
        return 1;
      }
    }
    for (let i = 0; i < length; i++) symbols[i] = byteIds[bytes[from + i] as number] as number;
    return mergeSymbols(symbols, null, length, model.pairs);
  }
}
