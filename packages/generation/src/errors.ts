/** What went wrong, for programs; the message is for people. */
export type GenerationErrorCode =
  /** A sampling option out of range. */
  | 'value'
  /** No prompt, an empty one, or one that leaves no position for a new token. */
  | 'prompt'
  /** The model's logits are not numbers. */
  | 'not_finite';

/**
 * Every error that this package throws on purpose. Token ids outside the vocabulary throw the LayersError of
 * `@tessera-llm/layers`.
 *
 * @example
 * ```ts
 * import { GenerationError, sampleToken } from '@tessera-llm/generation';
 * try {
 *   sampleToken(new Float32Array([1, 2]), { temperature: -1, seed: 1, position: 0 });
 * } catch (error) {
 *   console.log(error instanceof GenerationError && error.code); // 'value'
 * }
 * ```
 */
export class GenerationError extends Error {
  readonly code: GenerationErrorCode;

  constructor(code: GenerationErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'GenerationError';
    this.code = code;
  }
}
