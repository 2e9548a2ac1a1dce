/** What went wrong, for programs. */
export type TokenizerErrorCode = 'invalid_argument' | 'invalid_file' | 'token_not_found' | 'unsupported';

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

  constructor(code: TokenizerErrorCode, message: string) {
    super(message);
    this.name = 'TokenizerError';
    this.code = code;
  }
}
