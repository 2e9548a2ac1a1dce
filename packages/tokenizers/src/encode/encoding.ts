import type { Row, Rows } from './rows';

/** Lists that were asked for. A second look, as in a loop over places, costs nothing. */
interface Lists {
  tokens?: string[];
  offsets?: [number, number][];
  codePointOffsets?: [number, number][];
  wordIds?: (number | null)[];
  sequenceIds?: (number | null)[];
  typeIds?: number[];
  attentionMask?: number[];
  specialTokensMask?: number[];
}

/**
 * What a text became: ids (N,), and beside each its token, its place in the text and to what it belongs. All lists have
 * N entries, padding and added tokens included; all but `ids` are made when they are asked for. Made by
 * `Tokenizer.encode` and `encodeBatch`.
 *
 * @example
 * ```ts
 * import { trainWordLevel } from '@tessera-llm/tokenizers';
 * const tokenizer = await trainWordLevel(['a rose is a rose'], { vocabSize: 10 });
 * const { ids, tokens, offsets } = tokenizer.encode('a rose', { padding: { length: 3 } });
 * console.log(ids); // [1, 2, 0]
 * console.log(tokens); // ['a', 'rose', '[PAD]']
 * console.log(offsets); // [[0, 1], [2, 6], [0, 0]]
 * ```
 */
export class Encoding {
  private known: Rows | null = null;
  private further: Encoding[] | null = null;
  private readonly lists: Lists = {};

  /** @internal */
  constructor(
    /** Ids (N,). */
    readonly ids: Int32Array,
    private readonly compute: () => Rows,
  ) {}

  /** @internal */
  static of(rows: Rows): Encoding {
    return new Encoding(
      Int32Array.from(rows.rows, (row) => row.id),
      () => rows,
    );
  }

  /** N, the number of ids. */
  get length(): number {
    return this.ids.length;
  }

  // Only ids are made at once; who asks for more pays for more.
  private get rows(): readonly Row[] {
    this.known ??= this.compute();
    return this.known.rows;
  }

  /** Tokens as the vocabulary spells them; Unigram shows the surface of what it does not know. */
  get tokens(): string[] {
    this.lists.tokens ??= this.rows.map((row) => row.token);
    return this.lists.tokens;
  }

  /** [start, end) of each token in its text, in UTF-16 units; [0, 0] for tokens that were added. */
  get offsets(): [number, number][] {
    this.lists.offsets ??= this.rows.map((row) => [row.start, row.end]);
    return this.lists.offsets;
  }

  /** The same in Unicode code points. */
  get codePointOffsets(): [number, number][] {
    this.lists.codePointOffsets ??= this.rows.map((row) => [row.startPoint, row.endPoint]);
    return this.lists.codePointOffsets;
  }

  /** The word a token is part of: a piece of the pre-tokenizer, or a given word; null for tokens that were added. */
  get wordIds(): (number | null)[] {
    this.lists.wordIds ??= this.rows.map((row) => row.word);
    return this.lists.wordIds;
  }

  /** 0 or 1 for the first or second text, null for tokens that were added. */
  get sequenceIds(): (number | null)[] {
    this.lists.sequenceIds ??= this.rows.map((row) => row.sequence);
    return this.lists.sequenceIds;
  }

  /** Segment ids, as the post-processor assigns them; without one, 0 for the first text and 1 for the second. */
  get typeIds(): number[] {
    this.lists.typeIds ??= this.rows.map((row) => row.typeId);
    return this.lists.typeIds;
  }

  /** 1 for tokens, 0 for padding. */
  get attentionMask(): number[] {
    this.lists.attentionMask ??= this.rows.map((row) => (row.attended ? 1 : 0));
    return this.lists.attentionMask;
  }

  /** 1 for what the post-processor added, and padding. */
  get specialTokensMask(): number[] {
    this.lists.specialTokensMask ??= this.rows.map((row) => (row.special ? 1 : 0));
    return this.lists.specialTokensMask;
  }

  /** Further windows, if truncation left something over; not of a whole document: see `TruncationOptions.stride`. */
  get overflowing(): readonly Encoding[] {
    this.known ??= this.compute();
    this.further ??= this.known.overflowing.map((rows) => Encoding.of({ rows, overflowing: [] }));
    return this.further;
  }
}
