import { TensorError } from '../errors';
import { type Tensor, viewOf, wantTensor } from '../tensor';
import { axisOf, kernelsFor, like } from './common';
import { keptShape } from './reduce';

function argExtreme(
  fn: 'max' | 'min',
  x: Tensor,
  options: { readonly dim?: number; readonly keepdim?: boolean },
): Tensor<'int32'> {
  const op = `arg${fn}`;
  wantTensor(op, x);
  const flat = options.dim === undefined ? viewOf(x, [x.size]) : x;
  const axis = axisOf(op, flat, options.dim ?? 0);
  if (flat.shape[axis] === 0) throw new TensorError('shape', `[${op}] expected at least one element, got none`);
  const y = like(x, kernelsFor(op, flat).argReduce(fn, flat, axis)) as Tensor<'int32'>;
  return options.keepdim && options.dim !== undefined ? viewOf(y, keptShape(x.shape, [axis])) : y;
}

/**
 * Index of the first largest element along `dim`, or of the flattened tensor if none is named; int32. The first NaN
 * counts as it.
 *
 * @throws TensorError `shape` for no elements, `axis`.
 *
 * @example
 * ```ts
 * import { argmax, tensor } from '@tessera-llm/tensor';
 * console.log(await argmax(tensor([[3, 1], [4, 5]]), { dim: 1 }).data()); // [0, 1]
 * ```
 */
export const argmax = (
  x: Tensor,
  options: { readonly dim?: number; readonly keepdim?: boolean } = {},
): Tensor<'int32'> => argExtreme('max', x, options);

/**
 * Index of the first smallest element along `dim`, or of the flattened tensor if none is named; int32. The first NaN
 * counts as it.
 *
 * @throws TensorError `shape` for no elements, `axis`.
 *
 * @example
 * ```ts
 * import { argmin, tensor } from '@tessera-llm/tensor';
 * console.log(await argmin(tensor([[3, 1], [4, 5]]), { dim: 1 }).data()); // [1, 0]
 * ```
 */
export const argmin = (
  x: Tensor,
  options: { readonly dim?: number; readonly keepdim?: boolean } = {},
): Tensor<'int32'> => argExtreme('min', x, options);
