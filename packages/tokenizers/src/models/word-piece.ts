import { type Reader, invertVocab, readVocab } from '../config';
import { TokenizerError } from '../errors';
import type { Model, Pieces } from './model';
import { PieceCache } from './piece-cache';

/** Settings of a WordPiece model. */
export interface WordPieceOptions {
  /** Token → id. */
  readonly vocab: ReadonlyMap<string, number>;
  /** What stands for a word that can't be spelled; default `[UNK]`. */
  readonly unkToken?: string;
  /** What the vocabulary writes before pieces inside a word; default `##`. */
  readonly continuingSubwordPrefix?: string;
  /** Longer words are unknown; in characters, default 100. */
  readonly maxInputCharsPerWord?: number;
}

/**
 * WordPiece: from the left, the longest piece that is in the vocabulary; if one place has none, the word is unknown.
 *
 * @see Devlin et al. 2019, "BERT: pre-training of deep bidirectional transformers".
 *
 * @example
 * ```ts
 * import { WordPiece } from '@tessera-llm/tokenizers';
 * const model = new WordPiece({ vocab: new Map([['[UNK]', 0], ['un', 1], ['##like', 2], ['##ly', 3]]) });
 * console.log(model.tokenize('unlikely').tokens); // ['un', '##like', '##ly']
 * console.log(model.tokenize('likely').tokens); // ['[UNK]']
 * ```
 */
export class WordPiece implements Model {
  readonly type = 'WordPiece';
  readonly vocab: ReadonlyMap<string, number>;
  private readonly tokens: readonly (string | undefined)[];
  private readonly unkToken: string;
  private readonly prefix: string;
  private readonly limit: number;
  private longest = 0;
  private readonly cache = new PieceCache((word) => this.pieces(word));

  /**
   * @throws TokenizerError `invalid_file` for an id given twice. `tokenize` throws `token_not_found` for an unknown
   * word if the vocabulary lacks `unkToken`.
   */
  constructor(options: WordPieceOptions) {
    this.vocab = options.vocab;
    this.tokens = invertVocab(options.vocab, 'model.vocab');
    this.unkToken = options.unkToken ?? '[UNK]';
    this.prefix = options.continuingSubwordPrefix ?? '##';
    this.limit = options.maxInputCharsPerWord ?? 100;
    for (const token of this.vocab.keys()) this.longest = Math.max(this.longest, token.length);
  }

  token(id: number): string | undefined {
    return this.tokens[id];
  }

  tokenize(word: string): Pieces {
    return this.cache.get(word);
  }

  clearCache(): void {
    this.cache.clear();
  }

  private pieces(word: string): Pieces {
    const out = { ids: [] as number[], tokens: [] as string[], starts: [] as number[], ends: [] as number[] };
    if (word.length > this.limit && [...word].length > this.limit) return this.unknown(word);
    for (let start = 0; start < word.length; ) {
      let end = Math.min(word.length, start + this.longest);
      let id: number | undefined;
      let piece = '';
      for (; end > start; end--) {
        piece = (start > 0 ? this.prefix : '') + word.slice(start, end);
        id = this.vocab.get(piece);
        if (id !== undefined) break;
      }
      if (id === undefined) return this.unknown(word);
      out.ids.push(id);
      out.tokens.push(piece);
      out.starts.push(start);
      out.ends.push(end);
      start = end;
    }
    return out;
  }

  private unknown(word: string): Pieces {
    const id = this.vocab.get(this.unkToken);
    if (id === undefined) {
      throw new TokenizerError(
        'token_not_found',
        `[WordPiece] the unknown token ${JSON.stringify(this.unkToken)} is not in the vocabulary`,
      );
    }
    return { ids: [id], tokens: [this.unkToken], starts: [0], ends: [word.length] };
  }

  toJSON(): Record<string, unknown> {
    return {
      type: 'WordPiece',
      unk_token: this.unkToken,
      continuing_subword_prefix: this.prefix,
      max_input_chars_per_word: this.limit,
      vocab: Object.fromEntries([...this.vocab].sort((a, b) => a[1] - b[1])),
    };
  }
}

export function readWordPiece(config: Reader): WordPiece {
  return new WordPiece({
    vocab: readVocab(config.get('vocab'), config.at('vocab')),
    unkToken: config.string('unk_token', '[UNK]'),
    continuingSubwordPrefix: config.string('continuing_subword_prefix', '##'),
    maxInputCharsPerWord: config.integer('max_input_chars_per_word', 100),
  });
}
