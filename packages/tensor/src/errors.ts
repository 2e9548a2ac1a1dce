/**
 * What went wrong, for programs; the message is for people.
 *
 * - `async`: a function that has to be synchronous gave a promise.
 * - `autograd`: a gradient that can't be had, or would be lost.
 * - `axis`: an axis that the tensor has not, or named twice.
 * - `backend`: a backend that can't be had, or tensors of several.
 * - `disposed`: memory that was given back.
 * - `dtype`, `shape`: a tensor of another dtype or shape than the op takes.
 * - `index_out_of_range`: an index outside the axis, an id outside the table, a target outside the classes.
 * - `nan`: `anomaly` found one.
 * - `out_of_memory`: the memory asked for can't be had.
 * - `protocol`: two copies of the package that can't work together.
 * - `stale`: a backward pass needs values that were written over.
 * - `value`: a setting out of its range, or something else than a tensor.
 */
export type TensorErrorCode =
  | 'async'
  | 'autograd'
  | 'axis'
  | 'backend'
  | 'disposed'
  | 'dtype'
  | 'index_out_of_range'
  | 'nan'
  | 'out_of_memory'
  | 'protocol'
  | 'shape'
  | 'stale'
  | 'value';

const brand = Symbol.for('tessera.tensor.error');

/**
 * Every error that this package throws on purpose. The message names the op, what it expected and what came.
 *
 * @example
 * ```ts
 * import { TensorError, matmul, tensor } from '@tessera-llm/tensor';
 * try {
 *   matmul(tensor([[1, 2]]), tensor([[3, 4]]));
 * } catch (error) {
 *   console.log(error instanceof TensorError && error.code); // 'shape'
 * }
 * ```
 */
export class TensorError extends Error {
  readonly code: TensorErrorCode;
  readonly [brand] = true;

  constructor(code: TensorErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.name = 'TensorError';
    this.code = code;
  }

  /** Recognises errors of another copy of this package too. */
  static override [Symbol.hasInstance](value: unknown): boolean {
    return typeof value === 'object' && value !== null && brand in value;
  }
}
