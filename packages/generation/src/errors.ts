import { inspect } from 'node:util';

/** What went wrong, for programs; the message is for people. */
export type GenerationErrorCode =
  /** An option out of range, or of another kind than it must be. */
  | 'value'
  /** No prompt, something else than a list of token ids, an empty one, or one that leaves no position for a new token. */
  | 'prompt'
  /** The model's logits are not numbers. */
  | 'not_finite';

const brand = Symbol.for('tessera.generation.error');

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
  readonly [brand] = true;

  constructor(code: GenerationErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'GenerationError';
    this.code = code;
  }

  /** Recognises errors of another copy of this package too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** @internal Every field of an options type, so that none is forgotten where they are listed. */
export type Known<T> = Readonly<Record<keyof T, true>>;

/**
 * @internal Throws `value` for options that are no object, and for a field that is not known: a misspelled option would
 * go unnoticed, and its default be used. Fields of undefined count as absent.
 */
export function checkKnown(where: string, given: unknown, known: Readonly<Record<string, true>>): void {
  want(where, typeof given === 'object' && given !== null, 'options as an object', given);
  for (const [key, value] of Object.entries(given as object)) {
    if (value === undefined || Object.hasOwn(known, key)) continue;
    throw new GenerationError(
      'value',
      `[${where}] expected options among ${Object.keys(known).join(', ')}, got ${key}`,
    );
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
