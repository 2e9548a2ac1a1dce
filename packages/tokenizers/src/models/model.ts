/** What a model makes of one word: parallel lists, places in UTF-16 units of the word. */
export interface Pieces {
  readonly ids: readonly number[];
  /** The tokens as they are shown: the vocabulary's spelling, or the surface where Unigram shows that. */
  readonly tokens: readonly string[];
  /** Where each begins. */
  readonly starts: readonly number[];
  /** Where each ends; two that share a character of several bytes both have the whole of it. */
  readonly ends: readonly number[];
}

/** Cuts a word (what the pre-tokenizer left in one piece) into tokens of a vocabulary. */
export interface Model {
  readonly type: 'BPE' | 'WordPiece' | 'Unigram' | 'WordLevel';
  /** Token → id. */
  readonly vocab: ReadonlyMap<string, number>;
  /** How many tokens Hugging Face's library counts, where these are not the tokens of `vocab`. */
  readonly size?: number;
  /** The token of an id, or undefined. */
  token(id: number): string | undefined;
  /** The tokens of a word. @throws TokenizerError `token_not_found` where it needs an unknown token and has none. */
  tokenize(word: string): Pieces;
  /** It may cut the same word otherwise each time, as BPE with dropout; default false. */
  readonly random?: boolean;
  /** Stretches of a long word that can be encoded one by one with the same result; default the word itself. */
  segments?(word: string): Iterable<string>;
  /** Forgets the words that it has met; default it keeps none. */
  clearCache?(): void;
  /** The component of tokenizer.json. */
  toJSON(): Record<string, unknown>;
}
