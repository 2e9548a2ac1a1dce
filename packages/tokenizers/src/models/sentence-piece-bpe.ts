import { invertVocab } from '../config';
import { longestMatch } from '../normalizers/sentence-piece';
import { unitsAt } from '../text/unicode';
import { mergeSymbols } from './bpe-merge';
import type { Model, Pieces } from './model';
import { PairTable } from './pair-table';
import { SentencePiecePieces } from './sentence-piece-pieces';
import { Trie } from './trie';

/** Settings of `SentencePieceBpe`. */
export interface SentencePieceBpeOptions {
  /** Pieces with their scores; the place is the id. */
  readonly pieces: readonly (readonly [string, number])[];
  readonly unkId: number;
  /** Unknown characters become their UTF-8 bytes, `<0x00>` to `<0xFF>`. */
  readonly byteFallback: boolean;
  /** Ids that no text becomes: of control, unknown and byte pieces. */
  readonly unmatched: ReadonlySet<number>;
  /** Ids of pieces that are made and then taken apart again; single characters of them are unknown. */
  readonly unused: ReadonlySet<number>;
  /** Ids of pieces that are found before anything is merged. */
  readonly userDefined: ReadonlySet<number>;
}

/** Stands for characters of no piece: it merges with nothing. */
const strange = 2 ** 30;

/**
 * SentencePiece's BPE: neighbours are joined whenever a piece spells what they make, the piece of the highest score
 * first and the leftmost of equals. A vocabulary with scores takes the place of merges.
 *
 * @see Kudo and Richardson 2018, "SentencePiece".
 */
export class SentencePieceBpe implements Model {
  readonly type = 'BPE';
  readonly vocab: ReadonlyMap<string, number>;
  private readonly tokens: readonly (string | undefined)[];
  /** Pair of symbols → rank, id of what they make. */
  private readonly pairs: PairTable;
  private readonly halvesOf = new Map<number, readonly [string, string] | null>();
  private readonly userDefined: Trie | null = null;
  /** Symbols of characters that are no piece but begin or end one; their ids lie behind the pieces'. */
  private readonly characters = new Map<string, number>();
  private readonly rankOf: Int32Array;

  constructor(readonly options: SentencePieceBpeOptions) {
    const { pieces, userDefined } = options;
    const vocab = new Map(pieces.map(([piece], id) => [piece, id]));
    this.vocab = vocab;
    this.tokens = invertVocab(vocab, 'pieces');
    const scores = [...new Set(pieces.map(([, score]) => score))].sort((a, b) => b - a);
    const places = new Map(scores.map((score, place) => [score, place]));
    this.rankOf = Int32Array.from(pieces, ([, score]) => places.get(score) as number);
    this.pairs = this.pairsWithout(-1);
    if (userDefined.size > 0) {
      this.userDefined = new Trie();
      for (const id of userDefined) this.userDefined.add((pieces[id] as readonly [string, number])[0], id);
    }
  }

  private pairsWithout(excluded: number): PairTable {
    const pairs = new PairTable(this.options.pieces.length * 4);
    this.options.pieces.forEach(([piece], id) => {
      if (id === excluded || this.options.unmatched.has(id)) return;
      for (let at = unitsAt(piece, 0); at < piece.length; at += unitsAt(piece, at)) {
        const left = this.symbol(piece.slice(0, at));
        const right = this.symbol(piece.slice(at));
        if (left >= 0 && right >= 0) pairs.set(left, right, this.rankOf[id] as number, id);
      }
    });
    return pairs;
  }

  /** The symbol of a piece or of one character; -1 for any other text. */
  private symbol(text: string): number {
    const id = this.vocab.get(text);
    if (id !== undefined && !this.options.unmatched.has(id)) return id;
    if (unitsAt(text, 0) !== text.length) return -1;
    let made = this.characters.get(text);
    if (made === undefined) {
      made = this.options.pieces.length + this.characters.size;
      this.characters.set(text, made);
    }
    return made;
  }

  token(id: number): string | undefined {
    return this.tokens[id];
  }

  tokenize(word: string): Pieces {
    const out = new SentencePiecePieces(this.vocab, this.options.unkId, this.options.byteFallback);
    for (let at = 0; at < word.length; ) {
      const frozen = this.userDefined === null ? at : longestMatch(this.userDefined, word, at);
      if (frozen > at) {
        const text = word.slice(at, frozen);
        out.add(this.vocab.get(text) as number, text, at, frozen);
        at = frozen;
        continue;
      }
      const symbols: number[] = [];
      const sizes: number[] = [];
      const from = at;
      do {
        const size = unitsAt(word, at);
        symbols.push(this.known(word.slice(at, at + size)));
        sizes.push(size);
        at += size;
      } while (at < word.length && (this.userDefined === null || longestMatch(this.userDefined, word, at) === at));
      this.merge(word, from, symbols, sizes, out);
    }
    return out.pieces;
  }

  /** The symbol of a character; the same for all that no piece has. */
  private known(char: string): number {
    const id = this.vocab.get(char);
    if (id !== undefined && !this.options.unmatched.has(id)) return id;
    return this.characters.get(char) ?? strange;
  }

  private merge(
    word: string,
    from: number,
    symbols: readonly number[],
    sizes: readonly number[],
    out: SentencePiecePieces,
  ): void {
    const ids = Int32Array.from(symbols);
    const lengths = Int32Array.from(sizes);
    const count = mergeSymbols(ids, lengths, ids.length, this.pairs);
    let at = from;
    for (let k = 0; k < count; k++) {
      const end = at + (lengths[k] as number);
      this.finish(word.slice(at, end), ids[k] as number, at, out);
      at = end;
    }
  }

  private finish(text: string, id: number, at: number, out: SentencePiecePieces): void {
    if (id < 0 || id >= this.options.pieces.length) return out.addUnknown(text, at);
    if (!this.options.unused.has(id)) return out.add(id, text, at, at + text.length);
    const halves = this.halves(id);
    // No merge made it: as in sentencepiece 0.2.3, it is unknown; 0.2.0 gave its id.
    if (halves === null) return out.addUnknown(text, at);
    this.finish(halves[0], this.known(halves[0]), at, out);
    this.finish(halves[1], this.known(halves[1]), at + halves[0].length, out);
  }

  /** The two symbols whose merge made a piece: what is left when that merge is forbidden. */
  private halves(id: number): readonly [string, string] | null {
    const known = this.halvesOf.get(id);
    if (known !== undefined) return known;
    const [piece] = this.options.pieces[id] as readonly [string, number];
    const symbols = Int32Array.from(piece, (char) => this.known(char));
    const sizes = Int32Array.from(piece, (char) => char.length);
    const two = symbols.length > 1 && mergeSymbols(symbols, sizes, symbols.length, this.pairsWithout(id)) === 2;
    const made = two ? ([piece.slice(0, sizes[0]), piece.slice(sizes[0])] as const) : null;
    this.halvesOf.set(id, made);
    return made;
  }

  /** @returns The component of tokenizer.json: merges in order of score, as Hugging Face's converter makes them. */
  toJSON(): Record<string, unknown> {
    const { pieces, unkId, byteFallback } = this.options;
    const merges: { readonly pair: readonly [string, string]; readonly order: readonly [number, number, number] }[] =
      [];
    pieces.forEach(([piece], id) => {
      if (this.options.unmatched.has(id)) return;
      for (let at = unitsAt(piece, 0); at < piece.length; at += unitsAt(piece, at)) {
        const pair = [piece.slice(0, at), piece.slice(at)] as const;
        const [left, right] = pair.map((part) => this.vocab.get(part));
        if (left === undefined || right === undefined) continue;
        merges.push({ pair, order: [this.rankOf[id] as number, left, right] });
      }
    });
    merges.sort(({ order: a }, { order: b }) => a[0] - b[0] || a[1] - b[1] || a[2] - b[2]);
    return {
      type: 'BPE',
      dropout: null,
      unk_token: this.tokens[unkId],
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: byteFallback,
      ignore_merges: false,
      vocab: Object.fromEntries(this.vocab),
      merges: merges.map(({ pair }) => [...pair]),
    };
  }
}
