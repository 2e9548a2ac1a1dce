import { type Reader, invertVocab, readVocab } from '../config';
import { TokenizerError } from '../errors';
import type { Model, Pieces } from './model';

/** Settings of a WordLevel model. */
export interface WordLevelOptions {
  /** Word → id. */
  readonly vocab: ReadonlyMap<string, number>;
  /** What stands for every other word; default `<unk>`. */
  readonly unkToken?: string;
}

/**
 * Whole words only: each is in the vocabulary, or the unknown token stands for it.
 *
 * @example
 * ```ts
 * import { WordLevel } from '@tessera-llm/tokenizers';
 * const model = new WordLevel({ vocab: new Map([['<unk>', 0], ['low', 1]]) });
 * console.log(model.tokenize('low').ids, model.tokenize('high').ids); // [1] [0]
 * ```
 */
export class WordLevel implements Model {
  readonly type = 'WordLevel';
  readonly vocab: ReadonlyMap<string, number>;
  private readonly tokens: readonly (string | undefined)[];
  private readonly unkToken: string;

  /**
   * @throws TokenizerError `invalid_file` for an id given twice. `tokenize` throws `token_not_found` for an unknown
   * word if the vocabulary lacks `unkToken`.
   */
  constructor(options: WordLevelOptions) {
    this.vocab = options.vocab;
    this.tokens = invertVocab(options.vocab, 'model.vocab');
    this.unkToken = options.unkToken ?? '<unk>';
  }

  token(id: number): string | undefined {
    return this.tokens[id];
  }

  tokenize(word: string): Pieces {
    const known = this.vocab.get(word);
    const id = known ?? this.vocab.get(this.unkToken);
    if (id === undefined) {
      throw new TokenizerError(
        'token_not_found',
        `[WordLevel] the unknown token ${JSON.stringify(this.unkToken)} is not in the vocabulary`,
      );
    }
    return { ids: [id], tokens: [known === undefined ? this.unkToken : word], starts: [0], ends: [word.length] };
  }

  toJSON(): Record<string, unknown> {
    return {
      type: 'WordLevel',
      vocab: Object.fromEntries([...this.vocab].sort((a, b) => a[1] - b[1])),
      unk_token: this.unkToken,
    };
  }
}

export function readWordLevel(config: Reader): WordLevel {
  return new WordLevel({
    vocab: readVocab(config.get('vocab'), config.at('vocab')),
    unkToken: config.string('unk_token', '<unk>'),
  });
}
