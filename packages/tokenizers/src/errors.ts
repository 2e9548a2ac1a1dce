/** What went wrong, for programs. */
export type TokenizerErrorCode =
  | 'invalid_argument'
  | 'invalid_file'
  | 'invalid_text'
  | 'step_limit'
  | 'template'
  | 'token_not_found'
  | 'unsupported'
  | 'worker_failed';

const brand = Symbol.for('tessera.tokenizers.error');

/**
 * Every error that this package throws on purpose. The message names the place, what was expected and what came.
 *
 * @example
 * ```ts
 * import { Tokenizer, TokenizerError } from '@tessera-llm/tokenizers';
 * try {
 *   Tokenizer.fromJSON({ model: { type: 'Nope' } });
 * } catch (error) {
 *   console.log(error instanceof TokenizerError && error.code); // 'unsupported'
 * }
 * ```
 */
export class TokenizerError extends Error {
  readonly code: TokenizerErrorCode;
  readonly [brand] = true;

  constructor(code: TokenizerErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TokenizerError';
    this.code = code;
  }

  /** Recognises errors of another copy of this package too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}
