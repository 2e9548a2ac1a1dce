import { invertVocab } from '../config';
import { longestMatch } from '../normalizers/sentence-piece';
import { unitsAt } from '../text/unicode';
import type { Model, Pieces } from './model';
import { SentencePiecePieces } from './sentence-piece-pieces';
import { Trie } from './trie';

/** Settings of `SentencePieceUnits`. */
export interface SentencePieceUnitsOptions {
  /** What is looked up: words, which begin at each `▁`, or characters. */
  readonly units: 'words' | 'characters';
  /** The place is the id. */
  readonly pieces: readonly string[];
  readonly unkId: number;
  /** Unknown units become their UTF-8 bytes, `<0x00>` to `<0xFF>`. */
  readonly byteFallback: boolean;
  /** Ids that no text becomes: of control, unknown, unused and byte pieces. */
  readonly unmatched: ReadonlySet<number>;
  /** Pieces that are one unit among characters, however long. */
  readonly userDefined: readonly string[];
}

/**
 * SentencePiece's word and character models: each unit of a text is a piece or unknown. Takes the whole text, since
 * unknown units side by side are one piece.
 */
export class SentencePieceUnits implements Model {
  readonly type: 'WordLevel' | 'BPE';
  readonly vocab: ReadonlyMap<string, number>;
  private readonly tokens: readonly (string | undefined)[];
  /** Only for characters. */
  private readonly userDefined: Trie | null = null;

  constructor(readonly options: SentencePieceUnitsOptions) {
    this.type = options.units === 'words' ? 'WordLevel' : 'BPE';
    this.vocab = new Map(options.pieces.map((piece, id) => [piece, id]));
    this.tokens = invertVocab(this.vocab, 'pieces');
    if (options.units === 'characters' && options.userDefined.length > 0) {
      this.userDefined = new Trie();
      for (const piece of options.userDefined) this.userDefined.add(piece, 0);
    }
  }

  token(id: number): string | undefined {
    return this.tokens[id];
  }

  tokenize(text: string): Pieces {
    const { unkId, byteFallback, unmatched } = this.options;
    const out = new SentencePiecePieces(this.vocab, unkId, byteFallback);
    for (let at = 0; at < text.length; ) {
      const end = this.endOf(text, at);
      const unit = text.slice(at, end);
      const id = this.vocab.get(unit);
      if (id === undefined || unmatched.has(id)) out.addUnknown(unit, at);
      else out.add(id, unit, at, end);
      at = end;
    }
    return out.pieces;
  }

  private endOf(text: string, from: number): number {
    if (this.type === 'WordLevel') {
      const next = text.indexOf('▁', from + 1);
      return next < 0 ? text.length : next;
    }
    const end = this.userDefined === null ? from : longestMatch(this.userDefined, text, from);
    return end > from ? end : from + unitsAt(text, from);
  }

  /** @returns The component of tokenizer.json, where a pre-tokenizer cuts what this model cuts itself. */
  toJSON(): Record<string, unknown> {
    const unk_token = this.tokens[this.options.unkId];
    const vocab = Object.fromEntries(this.vocab);
    if (this.type === 'WordLevel') return { type: 'WordLevel', vocab, unk_token };
    return {
      type: 'BPE',
      dropout: null,
      unk_token,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: true,
      byte_fallback: this.options.byteFallback,
      // Takes user-defined pieces, which stand alone by then, whole.
      ignore_merges: this.userDefined !== null,
      vocab,
      merges: [],
    };
  }
}
