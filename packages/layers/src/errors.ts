/** What went wrong, for programs; the message is for people. */
export type LayersErrorCode =
  /** An adapter that isn't there, must be chosen, or can't be had or merged beside another. */
  | 'adapter'
  /** An adapter's configuration that is wrong, or asks for what is not applied here. */
  | 'adapter_config'
  /** A slot or layer that a cache lacks, or a slot twice in a batch. */
  | 'cache'
  /** More tokens than a cache has room for, or a slot declares. */
  | 'cache_full'
  /** A negative position, or one beyond what a model or a document has. */
  | 'position_out_of_range'
  /** Arrays or tensors whose lengths don't belong together. */
  | 'shape'
  /** Weights whose names or shapes don't fit a module or an adapter. */
  | 'state'
  /** A token id outside the vocabulary. */
  | 'token_out_of_range'
  /** Anything else that is out of its range. */
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
