/** What went wrong, for programs; the message is for people. */
export type LayersErrorCode =
  | 'adapter'
  | 'adapter_config'
  | 'cache'
  | 'cache_full'
  | 'position_out_of_range'
  | 'shape'
  | 'state'
  | 'token_out_of_range'
  | 'value';

const brand = Symbol.for('tessera.layers.error');

/**
 * Every error that this package throws on purpose: it names the layer or function, what it expected and what came.
 *
 * @example
 * ```ts
 * import { LayersError, batchFromPadded } from '@tessera-llm/layers';
 * try {
 *   batchFromPadded([[1, 2, 3], [4, 5]]);
 * } catch (error) {
 *   console.log(error instanceof LayersError && error.code); // 'shape'
 * }
 * ```
 */
export class LayersError extends Error {
  readonly code: LayersErrorCode;
  readonly [brand] = true;

  constructor(code: LayersErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'LayersError';
    this.code = code;
  }

  /** Recognises errors of another copy of this package too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}

/** @internal Throws `value` unless n is a whole number of at least `least`. */
export function checkCount(where: string, name: string, n: number, least = 1): void {
  if (!Number.isSafeInteger(n) || n < least) {
    throw new LayersError('value', `[${where}] expected ${name} to be a whole number of at least ${least}, got ${n}`);
  }
}
