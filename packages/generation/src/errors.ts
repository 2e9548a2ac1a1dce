import { inspect } from 'node:util';

/** What went wrong, for programs; the message is for people. */
export type GenerationErrorCode =
  /** An option out of range, or of another kind than it must be. */
  | 'value'
  /** No prompt, something else than a list of token ids, an empty one, or one that leaves no position for a new token. */
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

/** @internal Throws `value` unless `ok`. */
export function want(where: string, ok: boolean, what: string, got: unknown): void {
  if (!ok) throw new GenerationError('value', `[${where}] expected ${what}, got ${shown(got)}`);
}

/** @internal Any value in one line, '1' told from 1. */
export function shown(got: unknown): string {
  return inspect(got, { depth: 0, breakLength: Number.POSITIVE_INFINITY, maxArrayLength: 10, maxStringLength: 80 });
}
