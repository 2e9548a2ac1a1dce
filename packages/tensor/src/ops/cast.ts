import { checkDtype, type DType } from '../dtype';
import { record } from '../tape';
import type { Tensor } from '../tensor';
import { kernelsFor, like } from './common';

/**
 * The same values in another dtype: floats round to nearest even; to integers they are cut toward 0 and wrap, NaN and
 * infinities give 0; to bool all but 0 are true. The gradient is converted back.
 *
 * @throws TensorError `dtype` for one that tensors can't have.
 *
 * @example
 * ```ts
 * import { cast, tensor } from '@tessera-llm/tensor';
 * console.log(await cast(tensor([2.7, -1.5]), 'int32').data()); // [2, -1]
 * ```
 */
export function cast<D extends DType>(x: Tensor, dtype: D): Tensor<D> {
  checkDtype('cast', dtype);
  const y = like(x, kernelsFor('cast', x).cast(x, dtype)) as Tensor<D>;
  record('cast', [y], [x], [], ([gy]) => [cast(gy as Tensor, x.dtype)]);
  return y;
}

/** @internal x as float32; x itself if it is. */
export const float32 = (x: Tensor): Tensor => (x.dtype === 'float32' ? x : cast(x, 'float32'));

/**
 * A copy with memory of its own. The gradient flows through.
 *
 * @example
 * ```ts
 * import { addInPlace, clone, tensor } from '@tessera-llm/tensor';
 * const x = tensor([1, 2]);
 * const y = clone(x);
 * addInPlace(y, tensor([10, 10]));
 * console.log(await x.data(), await y.data()); // [1, 2] [11, 12]
 * ```
 */
export function clone<D extends DType>(x: Tensor<D>): Tensor<D> {
  const y = like(x, kernelsFor('clone', x).copy(x)) as Tensor<D>;
  record('clone', [y], [x], [], ([gy]) => [gy as Tensor]);
  return y;
}
