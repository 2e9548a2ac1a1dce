import { invertVocab, malformed, malformedAs, shown } from '../config';
import { TokenizerError } from '../errors';
import { utf8Length } from '../text/unicode';
import { type Dropout, mergeByHeap, mergeSymbols, randomFrom } from './bpe-merge';
import { bytePiece } from './byte-pieces';
import type { Model, Pieces } from './model';
import { PieceCache } from './piece-cache';
import { PairTable } from './pair-table';
import { Seams } from './seams';

/** Settings of a BPE model; the names are those of tokenizer.json in camelCase. */
export interface BpeOptions {
  /** Token text → id. */
  readonly vocab: ReadonlyMap<string, number>;
  /** Pairs in order of rank. */
  readonly merges: readonly (readonly [string, string])[];
  /** Rank of each merge, where several share one (tiktoken's); default the place in the list. */
  readonly ranks?: ArrayLike<number>;
  /** Chance of leaving out a merge, from 0 to 1 (BPE-dropout, Provilkov et al. 2020). Default none. */
  readonly dropout?: number | null;
  /** Seed of the draws of `dropout`; default 0. */
  readonly seed?: number;
  /** What stands for characters outside the vocabulary; default none: they vanish. */
  readonly unkToken?: string | null;
  /** What the vocabulary writes before every character of a word but its first; default nothing. */
  readonly continuingSubwordPrefix?: string | null;
  /** What the vocabulary writes behind the last character of a word; default nothing. */
  readonly endOfWordSuffix?: string | null;
  /** Neighbouring unknown characters become one token. Default false. */
  readonly fuseUnk?: boolean;
  /** Unknown characters become their UTF-8 bytes, `<0x00>` to `<0xFF>`, if it has them. Default false. */
  readonly byteFallback?: boolean;
  /** A word that is a token is taken whole, whatever the merges say; Llama 3's. Default false. */
  readonly ignoreMerges?: boolean;
}

/**
 * Byte-pair encoding: the word's characters are merged pair by pair, the pair of lowest rank first, the leftmost of
 * equals. Byte-level BPE is the same of the characters that `byteLevel` writes for bytes.
 *
 * @see Sennrich et al. 2016, "Neural machine translation of rare words with subword units".
 *
 * @example
 * ```ts
 * import { Bpe } from '@tessera-llm/tokenizers';
 * const vocab = new Map(['l', 'o', 'w', 'lo', 'low'].map((token, id) => [token, id]));
 * const model = new Bpe({ vocab, merges: [['l', 'o'], ['lo', 'w']] });
 * console.log(model.tokenize('lowlo').tokens); // ['low', 'lo']
 * ```
 */
export class Bpe implements Model {
  readonly type = 'BPE';
  /** The settings; the list of merges is made when it is asked for. */
  readonly options: BpeOptions;
  /** Pair of ids → rank, id of what they make. */
  readonly pairs: PairTable;
  private readonly tokens: readonly (string | undefined)[];
  /** Ids of each merge's two tokens: hundreds of thousands of pairs of strings would keep the collector busy. */
  private readonly halves: Int32Array;
  private listed: WeakRef<readonly (readonly [string, string])[]> | null = null;
  private readonly cache = new PieceCache((word) => this.cut(word));
  private readonly byteIds: readonly (number | undefined)[];
  private readonly unkId: number | null;
  private readonly dropout: Dropout | null;
  private seams: Seams | null = null;

  /**
   * @throws TokenizerError `invalid_file` for an id given twice, a merge of tokens that are absent, or a dropout
   * outside [0, 1]. `tokenize` throws `token_not_found` where it needs an `unkToken` that the vocabulary lacks.
   */
  constructor(options: BpeOptions) {
    const { vocab, merges, continuingSubwordPrefix: prefix, dropout, unkToken } = options;
    this.options = withMergesOf(this, options);
    this.halves = new Int32Array(2 * merges.length);
    this.tokens = invertVocab(vocab, 'model.vocab');
    this.pairs = new PairTable(merges.length);
    merges.forEach(([left, right], i) => {
      const tail = prefix && right.startsWith(prefix) ? right.slice(prefix.length) : right;
      const a = vocab.get(left);
      const b = vocab.get(right);
      const made = vocab.get(left + tail);
      if (a === undefined || b === undefined || made === undefined) {
        const absent = a === undefined ? left : b === undefined ? right : left + tail;
        throw malformedAs(
          `model.merges[${i}]`,
          'tokens of the vocabulary',
          `${shown([left, right])}, where ${shown(absent)} is absent`,
        );
      }
      this.halves[2 * i] = a;
      this.halves[2 * i + 1] = b;
      this.pairs.set(a, b, options.ranks?.[i] ?? i, made);
    });
    if (dropout != null && !(dropout >= 0 && dropout <= 1))
      throw malformed('model.dropout', 'a number from 0 to 1', dropout);
    this.dropout = dropout ? { rate: dropout, random: randomFrom(options.seed ?? 0) } : null;
    // Hugging Face looks for the unknown token only when it needs one.
    this.unkId = unkToken == null ? null : (vocab.get(unkToken) ?? null);
    this.byteIds = options.byteFallback ? Array.from({ length: 256 }, (_, b) => vocab.get(bytePiece(b))) : [];
  }

  get vocab(): ReadonlyMap<string, number> {
    return this.options.vocab;
  }

  get ignoreMerges(): boolean {
    return this.options.ignoreMerges ?? false;
  }

  /** Pairs in order of rank. */
  get merges(): readonly (readonly [string, string])[] {
    let list = this.listed?.deref();
    if (list === undefined) {
      const text = (i: number) => this.tokens[this.halves[i] as number] as string;
      list = Array.from({ length: this.halves.length / 2 }, (_, i) => [text(2 * i), text(2 * i + 1)] as const);
      this.listed = new WeakRef(list);
    }
    return list;
  }

  token(id: number): string | undefined {
    return this.tokens[id];
  }

  get random(): boolean {
    return this.dropout !== null;
  }

  tokenize(word: string): Pieces {
    return this.dropout === null ? this.cache.get(word) : this.cut(word);
  }

  clearCache(): void {
    this.cache.clear();
  }

  /**
   * Cuts a long word at its seams, where no merge can reach across: text without a pre-tokenizer (SentencePiece's BPE)
   * then costs as little as words do.
   */
  segments(word: string): Iterable<string> {
    const { continuingSubwordPrefix, endOfWordSuffix, ignoreMerges } = this.options;
    // With `ignoreMerges` a stretch could be taken for a whole word.
    if (word.length <= PieceCache.longest || continuingSubwordPrefix || endOfWordSuffix || this.dropout || ignoreMerges)
      return [word];
    this.seams ??= new Seams(this.vocab, this.merges);
    // What has no token at all takes no place in Hugging Face's offsets, which go on across the stretches.
    if (this.unkId === null && !this.seams.isSpelled(word)) return [word];
    return this.seams.cut(word);
  }

  private cut(word: string): Pieces {
    // As in Hugging Face's library, `dropout` cuts every word into pieces.
    if (this.options.ignoreMerges && this.dropout === null) {
      const whole = this.vocab.get(word);
      if (whole !== undefined) return { ids: [whole], tokens: [word], starts: [0], ends: [word.length] };
    }
    const symbols: number[] = [];
    const sizes: number[] = [];
    this.symbolsOf(word, symbols, sizes);
    const ids = Int32Array.from(symbols);
    const bytes = Int32Array.from(sizes);
    const count = this.dropout
      ? mergeByHeap(ids, bytes, ids.length, this.pairs, this.dropout)
      : mergeSymbols(ids, bytes, ids.length, this.pairs);
    return this.pieces(word, ids, bytes, count);
  }

  /** First symbols of a word and their sizes in UTF-8 bytes. */
  private symbolsOf(word: string, symbols: number[], sizes: number[]): void {
    const { continuingSubwordPrefix: prefix, endOfWordSuffix: suffix, byteFallback, fuseUnk, unkToken } = this.options;
    let unknown = 0;
    const flush = () => {
      if (unknown > 0) {
        symbols.push(this.unkId as number);
        sizes.push(unknown);
      }
      unknown = 0;
    };
    for (let at = 0; at < word.length; ) {
      const codePoint = word.codePointAt(at) as number;
      const char = String.fromCodePoint(codePoint);
      const length = utf8Length(codePoint);
      let spelled = char;
      if (prefix && at > 0) spelled = prefix + spelled;
      at += char.length;
      if (suffix && at >= word.length) spelled += suffix;
      const id = this.vocab.get(spelled);
      if (id !== undefined) {
        flush();
        symbols.push(id);
        sizes.push(length);
        continue;
      }
      if (byteFallback) {
        const bytes = Array.from(utf8(spelled), (b) => this.byteIds[b]);
        if (bytes.every((b) => b !== undefined)) {
          for (const b of bytes) {
            symbols.push(b as number);
            sizes.push(1);
          }
          continue;
        }
      }
      if (unkToken == null) continue;
      if (this.unkId === null) {
        throw new TokenizerError(
          'token_not_found',
          `[BPE] the unknown token ${JSON.stringify(unkToken)} is not in the vocabulary`,
        );
      }
      if (!fuseUnk) flush();
      unknown += length;
    }
    flush();
  }

  /** Sizes in bytes to places in code units: half a character counts as the whole. */
  private pieces(word: string, ids: Int32Array, sizes: Int32Array, count: number): Pieces {
    const out = { ids: [] as number[], tokens: [] as string[], starts: [] as number[], ends: [] as number[] };
    let byte = 0; // of the token's end
    let unit = 0; // of the character that holds the byte
    let charStart = 0; // the bytes before that character
    for (let k = 0; k < count; k++) {
      out.ids.push(ids[k] as number);
      out.tokens.push(this.tokens[ids[k] as number] as string);
      out.starts.push(unit);
      byte += sizes[k] as number;
      while (unit < word.length) {
        const codePoint = word.codePointAt(unit) as number;
        const length = utf8Length(codePoint);
        if (charStart + length > byte) break;
        charStart += length;
        unit += codePoint > 0xffff ? 2 : 1;
      }
      out.ends.push(charStart < byte ? unit + ((word.codePointAt(unit) ?? 0) > 0xffff ? 2 : 1) : unit);
    }
    return out;
  }

  toJSON(): Record<string, unknown> {
    const o = this.options;
    return {
      type: 'BPE',
      dropout: o.dropout ?? null,
      unk_token: o.unkToken ?? null,
      continuing_subword_prefix: o.continuingSubwordPrefix ?? null,
      end_of_word_suffix: o.endOfWordSuffix ?? null,
      fuse_unk: o.fuseUnk ?? false,
      byte_fallback: o.byteFallback ?? false,
      ignore_merges: o.ignoreMerges ?? false,
      vocab: Object.fromEntries([...this.vocab].sort((a, b) => a[1] - b[1])),
      merges: this.merges.map(([left, right]) => [left, right]),
    };
  }
}

/** In a function of its own: one made in the constructor would keep the list that was given. */
function withMergesOf(model: Bpe, options: BpeOptions): BpeOptions {
  return {
    ...options,
    get merges() {
      return model.merges;
    },
  };
}

const encoder = new TextEncoder();

function utf8(text: string): Uint8Array {
  return encoder.encode(text);
}
