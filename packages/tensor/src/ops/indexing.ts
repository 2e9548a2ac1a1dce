import { full } from '../create-filled';
import { TensorError } from '../errors';
import { showShape } from '../shape';
import { record } from '../tape';
import type { Tensor } from '../tensor';
import { add } from './binary';
import { axisOf, kernelsFor, like, sameDtype, wantDtype, wantShape } from './common';
import { equal } from './compare';
import { where } from './select';

function wantIndex(op: string, x: Tensor, index: Tensor, axis: number): void {
  wantDtype(op, index, 'index', 'int32');
  const fits = index.rank === x.rank && index.shape.every((n, i) => i === axis || n <= (x.shape[i] as number));
  if (!fits) {
    throw new TensorError(
      'shape',
      `[${op}] expected an index of rank ${x.rank}, no larger than ${showShape(x.shape)} but along axis ${axis}, got ${showShape(index.shape)}`,
    );
  }
}

/**
 * y[…, i, …] = x[…, index[…, i, …], …] along `dim`, as torch.gather: y has the shape of index (int32), which has the
 * rank of x and is nowhere larger than x but along `dim`. x of any dtype.
 *
 * @throws TensorError `index_out_of_range`, also for indices below 0; `shape`, `dtype`, `axis`.
 *
 * @example
 * ```ts
 * import { gather, tensor } from '@tessera-llm/tensor';
 * const x = tensor([[1, 2, 3], [4, 5, 6]]);
 * const index = tensor(new Int32Array([2, 0]), { shape: [2, 1] });
 * console.log(await gather(x, index, { dim: 1 }).data()); // [3, 4]
 * ```
 */
export function gather(x: Tensor, index: Tensor, options: { readonly dim: number }): Tensor {
  const axis = axisOf('gather', x, options.dim);
  wantIndex('gather', x, index, axis);
  const y = like(x, kernelsFor('gather', x, index).gather(x, index, axis));
  record('gather', [y], [x], [index], ([gy]) => [
    like(x, kernelsFor('gather', gy as Tensor).scatterAdd(x.shape, index, gy as Tensor, axis)),
  ]);
  return y;
}

/**
 * x with src added at the places that index (int32, of src's shape) names along `dim`, as torch.scatter_add; index fits
 * x as in `gather`, src has x's dtype. What falls on one place adds up in index order, the same on every thread count.
 * Gradients flow to x and src.
 *
 * @throws TensorError `index_out_of_range`, `shape`, `dtype`, `axis`
 *
 * @example
 * ```ts
 * import { scatterAdd, tensor, zeros } from '@tessera-llm/tensor';
 * const index = tensor(new Int32Array([2, 0, 2]));
 * const y = scatterAdd(zeros([4]), index, { dim: 0, src: tensor([1, 2, 3]) });
 * console.log(await y.data()); // [2, 0, 4, 0]
 * ```
 */
export function scatterAdd(x: Tensor, index: Tensor, options: { readonly dim: number; readonly src: Tensor }): Tensor {
  const axis = axisOf('scatterAdd', x, options.dim);
  const { src } = options;
  wantIndex('scatterAdd', x, index, axis);
  sameDtype('scatterAdd', x, src);
  wantShape('scatterAdd', src, 'src', index.shape);
  const k = kernelsFor('scatterAdd', x, index, src);
  const spread = like(x, k.scatterAdd(x.shape, index, src, axis));
  record('scatterAdd', [spread], [src], [index], ([gy]) => [gather(gy as Tensor, index, { dim: axis })]);
  return add(x, spread);
}

/**
 * x with the entries at index along `dim` replaced by those of src, as torch.scatter; operands as in `scatterAdd`. An
 * index names a place at most once: what falls on one place twice adds up. Gradients flow to src, and to x where it
 * stays.
 *
 * @throws TensorError `index_out_of_range`, `shape`, `dtype`, `axis`
 *
 * @example
 * ```ts
 * import { scatter, tensor } from '@tessera-llm/tensor';
 * const index = tensor(new Int32Array([2, 0]));
 * const y = scatter(tensor([9, 9, 9]), index, { dim: 0, src: tensor([1, 2]) });
 * console.log(await y.data()); // [2, 9, 1]
 * ```
 */
export function scatter(x: Tensor, index: Tensor, options: { readonly dim: number; readonly src: Tensor }): Tensor {
  const axis = axisOf('scatter', x, options.dim);
  const zero = full(x.shape, 0, { dtype: x.dtype, backend: x.backend });
  const spread = scatterAdd(zero, index, options);
  const one = full(index.shape, 1, { dtype: 'float32', backend: x.backend });
  const hits = like(x, kernelsFor('scatter', x, index).scatterAdd(x.shape, index, one, axis));
  return where(equal(hits, 0), x, spread);
}

/**
 * Whole entries of an axis, in the order of index (I) int32: `dim` gets the extent I. x of any dtype.
 *
 * @throws TensorError `index_out_of_range`, also for indices below 0; `shape`, `dtype`, `axis`.
 *
 * @example
 * ```ts
 * import { indexSelect, tensor } from '@tessera-llm/tensor';
 * const x = tensor([[1, 2], [3, 4], [5, 6]]);
 * console.log(await indexSelect(x, tensor(new Int32Array([2, 0])), { dim: 0 }).data()); // [5, 6, 1, 2]
 * ```
 */
export function indexSelect(x: Tensor, index: Tensor, options: { readonly dim: number }): Tensor {
  const axis = axisOf('indexSelect', x, options.dim);
  wantDtype('indexSelect', index, 'index', 'int32');
  wantShape('indexSelect', index, 'index', [null]);
  const y = like(x, kernelsFor('indexSelect', x, index).indexSelect(x, index, axis));
  record('indexSelect', [y], [x], [index], ([gy]) => [
    (sum) => kernelsFor('indexSelect', sum).indexAddInPlace(sum, index, gy as Tensor, axis),
  ]);
  return y;
}

/**
 * x with the entries of src added to those that index (I) int32 names along `dim`: src has x's dtype, and x's shape but
 * for the extent I along `dim`. Repeated entries add up in index order. Gradients flow to x and src.
 *
 * @throws TensorError `index_out_of_range`, `shape`, `dtype`, `axis`
 *
 * @example
 * ```ts
 * import { indexAdd, tensor, zeros } from '@tessera-llm/tensor';
 * const index = tensor(new Int32Array([1, 1]));
 * const y = indexAdd(zeros([2, 2]), index, { dim: 0, src: tensor([[1, 2], [3, 4]]) });
 * console.log(await y.data()); // [0, 0, 4, 6]
 * ```
 */
export function indexAdd(x: Tensor, index: Tensor, options: { readonly dim: number; readonly src: Tensor }): Tensor {
  const axis = axisOf('indexAdd', x, options.dim);
  const { src } = options;
  if (x.dtype === 'bool') {
    throw new TensorError(
      'dtype',
      '[indexAdd] expected numbers, got bool; cast() both to int32 and the sum back to bool',
    );
  }
  wantDtype('indexAdd', index, 'index', 'int32');
  wantShape('indexAdd', index, 'index', [null]);
  sameDtype('indexAdd', x, src);
  wantShape(
    'indexAdd',
    src,
    'src',
    x.shape.map((n, i) => (i === axis ? (index.shape[0] as number) : n)),
  );
  const k = kernelsFor('indexAdd', x, index, src);
  const y = like(x, k.copy(x));
  k.indexAddInPlace(y, index, src, axis);
  record('indexAdd', [y], [x, src], [index], ([gy]) => [gy as Tensor, indexSelect(gy as Tensor, index, { dim: axis })]);
  return y;
}
