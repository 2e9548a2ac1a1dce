import { BytePairs, mergeSymbols } from '../models/bpe-merge';
import type { Bpe } from '../models/bpe';
import { byteToChar } from '../text/byte-alphabet';
import { type AsciiWords, begins } from './ascii-words';
import { CharSeams } from './char-seams';
import { Utf8Chunks } from './chunks';
import type { IdList } from './id-list';
import type { Scanner, Splitter } from './scanners';
import { eachToken, longestToken, tableOf } from './token-bytes';
import type { Utf8 } from './utf8';
import type { WordLog } from './word-log';
import { WordTable, longestWord } from './word-table';

/** Numbers of `sets` after which all words are forgotten, 4 MB: some eight for each word that is remembered. */
const mostIds = 1 << 20;
/** New words after which threads exchange them: rarely, and they merge the same ones at the beginning of a text. */
const wordsBetween = 64;

/**
 * The short way from text to the ids of a byte-level BPE: UTF-8 bytes, a scanner that finds the words, a table of
 * words met before; only new words are merged. Same ids as the pipeline of components.
 */
export class ByteBpe {
  private readonly chunks = new Utf8Chunks();
  private readonly words = new WordTable();
  /** With `ignoreMerges`: the tokens of the vocabulary, which are taken whole. */
  private readonly tokens: WordTable | null;
  /** Made at the first word that may have some. */
  private seams: CharSeams | null = null;
  /** With `ignoreMerges`: tokens that no merges make, which only a whole word is. */
  private readonly wholeOnly = new Set<number>();
  private readonly pairs: BytePairs;
  private readonly scan: Scanner;
  private readonly ascii: AsciiWords;
  /** Ids of words of several tokens: a count, then the ids. */
  private sets = new Int32Array(1 << 12);
  private used = 0;
  private symbols = new Int32Array(longestWord);
  private learnt = 0;
  private log: WordLog | null = null;
  private others: readonly WordLog[] = [];

  private constructor(
    private readonly model: Bpe,
    splitter: Splitter,
    private readonly byteIds: Int32Array,
    /** A space goes before a text that begins with none. */
    readonly prefixesSpace: boolean,
  ) {
    this.scan = splitter.scan;
    this.ascii = splitter.ascii;
    this.pairs = new BytePairs(byteIds, model.pairs);
    this.tokens = model.ignoreMerges ? tableOf(model.vocab) : null;
  }

  /** null if the model is not byte-level through and through. */
  static of(model: Bpe, splitter: Splitter, prefixesSpace = false): ByteBpe | null {
    const { dropout, continuingSubwordPrefix, endOfWordSuffix } = model.options;
    if (dropout || continuingSubwordPrefix || endOfWordSuffix) return null;
    const byteIds = new Int32Array(256);
    for (let b = 0; b < 256; b++) {
      const id = model.vocab.get(byteToChar(b));
      if (id === undefined) return null;
      byteIds[b] = id;
    }
    return new ByteBpe(model, splitter, byteIds, prefixesSpace);
  }

  /** Forgets the words that it has met. */
  clearCache(): void {
    this.words.clear();
    this.used = 0;
  }

  /** From now on new words go to `log`, for other threads, and those of `others` are taken: at each `exchange`. */
  share(log: WordLog, others: readonly WordLog[]): void {
    this.log = log;
    this.others = others;
  }

  /** Shows other threads the words met since the last time, and takes theirs. */
  exchange(): void {
    this.log?.publish();
    for (const other of this.others) other.read(this.take);
  }

  /** Adds the ids of text units [from, to). */
  encode(text: string, from: number, to: number, out: IdList): void {
    const { chunks } = this;
    chunks.open(text, from, to);
    while (chunks.next()) {
      // A token takes at least one byte.
      out.reserve(chunks.utf8.length);
      out.length = this.encodeBytes(chunks.utf8, out.ids, out.length);
    }
  }

  /** Writes the ids of a text to `ids` from `count` on; gives their number. */
  encodeBytes({ bytes, view, length: to }: Utf8, ids: Int32Array, count: number): number {
    const { words, byteIds } = this;
    const { kinds, folds, fold, stops, alone } = this.ascii;
    let n = count;
    for (let at = 0; at < to; ) {
      const first = bytes[at] as number;
      const kind = kinds[first] as number;
      let end = 0;
      let known = 0;
      if (kind !== begins.unknown) {
        if (kind === begins.sign && (alone[bytes[at + 1] as number] as number) !== 0) {
          ids[n++] = byteIds[first] as number;
          at++;
          continue;
        }
        // Bytes 1 to 4, then 5 to 8, of the word: a key of the table while they are looked at.
        let a = view.getInt32(at + 1, true);
        let b = 0;
        const others = nonLetters(a, folds[first] as number);
        if (others !== 0) {
          const lowest = others & -others;
          const letters = (31 - Math.clz32(lowest)) >> 3;
          a &= (lowest >>> 7) - 1;
          if (letters > 0 || kind === begins.letter) end = at + 1 + letters;
        } else {
          b = view.getInt32(at + 5, true);
          const more = nonLetters(b, fold);
          if (more !== 0) {
            const lowest = more & -more;
            b &= (lowest >>> 7) - 1;
            end = at + 5 + ((31 - Math.clz32(lowest)) >> 3);
          } else end = lettersEnd(view, at + 9, fold);
        }
        if ((stops[bytes[end] as number] as number) === 0) end = 0;
        if (end > at) {
          const size = end - at;
          if (size <= 9) known = words.findShort((size << 8) | first, a, b);
          else if (size <= longestWord) known = words.find(view, at, end);
        }
      }
      if (end === 0) {
        end = this.scan(bytes, at, to);
        // Two characters of three bytes each, or more.
        if (end - at >= 6 && ((bytes[end - 3] as number) & 0xf0) === 0xe0) {
          n = this.encodeParts(bytes, view, at, end, ids, n);
          at = end;
          continue;
        }
        if (end - at <= longestWord) known = words.find(view, at, end);
      }
      if (end - at > longestWord) {
        n = this.put(this.merge(bytes, view, at, end), ids, n);
        at = end;
        continue;
      }
      const value = known >= 0 ? words.value(known) : this.learn(bytes, view, at, end);
      if (value >= 0) ids[n++] = value;
      else {
        const { sets } = this;
        const set = ~value;
        const last = set + (sets[set] as number);
        for (let k = set + 1; k <= last; k++) ids[n++] = sets[k] as number;
      }
      at = end;
    }
    return n;
  }

  /** The same for one word, which is cut where no token reaches across. */
  private encodeParts(
    bytes: Uint8Array,
    view: DataView,
    begin: number,
    to: number,
    ids: Int32Array,
    count: number,
  ): number {
    const { words, wholeOnly } = this;
    this.seams ??= this.findSeams();
    let n = count;
    for (let at = begin, end = begin; at < to; at = end) {
      end = this.seams.next(bytes, at, to);
      const isPart = end - at < to - begin;
      if (end - at > longestWord) {
        n = this.put(isPart ? this.mergeBytes(bytes, at, end) : this.merge(bytes, view, at, end), ids, n);
        continue;
      }
      const known = words.find(view, at, end);
      const value = known >= 0 ? words.value(known) : this.learn(bytes, view, at, end);
      if (isPart && wholeOnly.size > 0 && wholeOnly.has(value)) n = this.put(this.mergeBytes(bytes, at, end), ids, n);
      else if (value >= 0) ids[n++] = value;
      else {
        const { sets } = this;
        const last = ~value + (sets[~value] as number);
        for (let k = ~value + 1; k <= last; k++) ids[n++] = sets[k] as number;
      }
    }
    return n;
  }

  private findSeams(): CharSeams {
    const seams = new CharSeams();
    eachToken(this.model.vocab, (bytes, length, id) => {
      const hasSome = seams.add(bytes, length);
      if (hasSome && this.tokens !== null && this.mergeBytes(bytes, 0, length) > 1) this.wholeOnly.add(id);
    });
    return seams;
  }

  /** Merges a new word and remembers it: its one id, or the complement of where its ids are. */
  private learn(bytes: Uint8Array, view: DataView, from: number, to: number): number {
    const count = this.merge(bytes, view, from, to);
    // What is one token is as soon found in the vocabulary as read in a log.
    if (count > 1 || this.tokens === null) this.log?.append(view, from, to, this.symbols, count);
    const value = this.remember(view, from, to, this.symbols, 0, count);
    // Not where all were just forgotten: words of others would lie where the ids of this one still have to be read.
    if (++this.learnt % wordsBetween === 0 && value !== ~0) this.exchange();
    return value;
  }

  /** Whether the next word makes it forget all others. */
  private get full(): boolean {
    return this.words.full || this.used >= mostIds;
  }

  /** Remembers the word that has just not been found. */
  private remember(view: DataView, from: number, to: number, ids: Int32Array, begin: number, count: number): number {
    let value = ids[begin] as number;
    if (count > 1) {
      if (this.used + count + 1 > this.sets.length) {
        const grown = new Int32Array(this.sets.length * 2);
        grown.set(this.sets);
        this.sets = grown;
      }
      value = ~this.used;
      this.sets[this.used] = count;
      for (let k = 0; k < count; k++) this.sets[this.used + 1 + k] = ids[begin + k] as number;
    }
    if (this.full) {
      // All are forgotten, this word too; its ids are still there, until the next word is remembered.
      this.words.clear();
      if (count > 1) this.sets.copyWithin(0, this.used, this.used + count + 1);
      this.used = 0;
      return count > 1 ? ~0 : value;
    }
    this.words.insert(view, from, to, value);
    if (count > 1) this.used += count + 1;
    return value;
  }

  /** Takes a word that another thread has merged, unless others of its own would be forgotten for it. */
  private readonly take = (
    view: DataView,
    from: number,
    to: number,
    ids: Int32Array,
    begin: number,
    end: number,
  ): void => {
    if (!this.full && this.words.find(view, from, to) < 0) this.remember(view, from, to, ids, begin, end - begin);
  };

  /** Adds what has been merged to `ids`. */
  private put(count: number, ids: Int32Array, n: number): number {
    ids.set(this.symbols.subarray(0, count), n);
    if (this.symbols.length > 1 << 16) this.symbols = new Int32Array(longestWord);
    return n + count;
  }

  /** Merges a word into `symbols`; gives their number. */
  private merge(bytes: Uint8Array, view: DataView, from: number, to: number): number {
    const { tokens } = this;
    if (tokens !== null && to - from <= longestToken) {
      const whole = tokens.find(view, from, to);
      if (whole >= 0) {
        this.symbols[0] = tokens.value(whole);
        return 1;
      }
    }
    return this.mergeBytes(bytes, from, to);
  }

  /** The same, by merges alone. */
  private mergeBytes(bytes: Uint8Array, from: number, to: number): number {
    const { byteIds, model } = this;
    const length = to - from;
    if (this.symbols.length < length) this.symbols = new Int32Array(length);
    const { symbols } = this;
    if (length <= BytePairs.longest) return this.pairs.merge(bytes, from, to, symbols);
    for (let i = 0; i < length; i++) symbols[i] = byteIds[bytes[from + i] as number] as number;
    return mergeSymbols(symbols, null, length, model.pairs);
  }
}

/** 0x80 in each byte that is no ASCII letter; `fold` has the bits that make capitals small. */
function nonLetters(x: number, fold: number): number {
  const y = x | fold;
  const low = y & 0x7f7f7f7f;
  // The upper bit of a sum tells: from `a` on; from behind `z` on.
  return (~((low + 0x1f1f1f1f) | 0) | ((low + 0x05050505) | 0) | y) & 0x80808080;
}

/** The end of a run of letters. */
function lettersEnd(view: DataView, from: number, fold: number): number {
  for (let at = from; ; at += 4) {
    const others = nonLetters(view.getInt32(at, true), fold);
    if (others !== 0) return at + ((31 - Math.clz32(others & -others)) >> 3);
  }
}
