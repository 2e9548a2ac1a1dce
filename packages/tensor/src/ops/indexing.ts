import { record } from '../tape';
import { full, hostValues, tensor } from '../create';
import { checkDtype, type DType } from '../dtype';
import { TensorError } from '../errors';
import { sameShape, showShape } from '../shape';
import { type Tensor, isTensor } from '../tensor';
import { axisOf, kernelsFor, like, sameDtype, wantDtype, wantIds, wantShape } from './common';
import { add, equal, where } from './elementwise';
import { reshape } from './view';

/**
 * The same values in another dtype: floats round to nearest even, to integers toward zero, to bool by x ≠ 0.
 * The gradient is converted back.
 */
export function cast<D extends DType>(x: Tensor, dtype: D): Tensor<D> {
  checkDtype('cast', dtype);
  const y = like(x, kernelsFor('cast', x).cast(x, dtype)) as Tensor<D>;
  record('cast', [y], [x], [], ([gy]) => [cast(gy as Tensor, x.dtype)]);
  return y;
}

/** @internal x as float32; x itself if it is. */
export const float32 = (x: Tensor): Tensor => (x.dtype === 'float32' ? x : cast(x, 'float32'));

/** A copy with memory of its own. */
export function clone<D extends DType>(x: Tensor<D>): Tensor<D> {
  const y = like(x, kernelsFor('clone', x).copy(x)) as Tensor<D>;
  record('clone', [y], [x], [], ([gy]) => [gy as Tensor]);
  return y;
}

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
 * torch.gather: y[…, i, …] = x[…, index[…, i, …], …] along `dim`.
 *
 * @throws TensorError `index_out_of_range`
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

/** x with src added at index along `dim`; repeated places add up in index order. */
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

/** x with the entries at index along `dim` replaced by src; an index names a place at most once. */
export function scatter(x: Tensor, index: Tensor, options: { readonly dim: number; readonly src: Tensor }): Tensor {
  const axis = axisOf('scatter', x, options.dim);
  const zero = full(x.shape, 0, { dtype: x.dtype, backend: x.backend });
  const spread = scatterAdd(zero, index, options);
  const one = full(index.shape, 1, { dtype: 'float32', backend: x.backend });
  const hits = like(x, kernelsFor('scatter', x, index).scatterAdd(x.shape, index, one, axis));
  return where(equal(hits, 0), x, spread);
}

/** Whole entries of an axis, in the order of a (I) int32 index. */
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

/** x with the entries of src added to those that index names along an axis. */
export function indexAdd(x: Tensor, index: Tensor, options: { readonly dim: number; readonly src: Tensor }): Tensor {
  const axis = axisOf('indexAdd', x, options.dim);
  const { src } = options;
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

/**
 * Rows of a table: weight (V, C) at ids of any shape S gives (…S, C).
 *
 * @param options.paddingIdx A row that gets no gradient; a negative one counts from the end, as in PyTorch.
 * @throws TensorError `index_out_of_range` for an id outside 0 … V-1, or a padding row outside the table.
 *
 * @example
 * ```ts
 * import { embedding, tensor } from '@tessera-llm/tensor';
 * const table = tensor([[0, 0], [1, 2], [3, 4]]);
 * console.log(await embedding(table, new Int32Array([2, 1])).data()); // [3, 4, 1, 2]
 * ```
 */
export function embedding(
  weight: Tensor,
  ids: Int32Array | Tensor,
  options: { readonly paddingIdx?: number } = {},
): Tensor {
  wantShape('embedding', weight, 'weight', [null, null]);
  const [rows, width] = weight.shape as [number, number];
  const padding = paddingRow(options.paddingIdx, rows);
  if (!isTensor(ids)) wantIds('embedding', 'ids', ids);
  const index = isTensor(ids) ? ids : tensor(ids, { backend: weight.backend });
  wantDtype('embedding', index, 'ids', 'int32');
  if (!isTensor(ids)) {
    for (const id of ids) {
      if (id < 0 || id >= rows) {
        throw new TensorError(
          'index_out_of_range',
          `[embedding] expected ids from 0 to ${rows - 1}, got ${id}; is this the model's own tokenizer?`,
        );
      }
    }
  }
  const flat = reshape(index, [index.size]);
  const k = kernelsFor('embedding', weight, flat);
  const y = like(weight, k.indexSelect(weight, flat, 0));
  record('embedding', [y], [weight], [flat], ([gy]) => {
    let g = gy as Tensor;
    const kernels = kernelsFor('embedding', g);
    if (padding !== null) {
      // Replaced, not multiplied by 0: 0 times an infinite gradient is NaN.
      g = where(reshape(equal(flat, padding), [flat.size, 1]), 0, g);
    }
    return [(sum) => kernels.indexAddInPlace(sum, flat, g, 0)];
  });
  return sameShape(index.shape, flat.shape) ? y : reshape(y, [...index.shape, width]);
}

function paddingRow(paddingIdx: number | undefined, rows: number): number | null {
  if (paddingIdx === undefined) return null;
  if (Number.isInteger(paddingIdx) && paddingIdx >= -rows && paddingIdx < rows) {
    return paddingIdx < 0 ? paddingIdx + rows : paddingIdx;
  }
  throw new TensorError(
    'index_out_of_range',
    `[embedding] expected paddingIdx from ${-rows} to ${rows - 1}, got ${paddingIdx}; leave it out for none`,
  );
}

/** 1 at each id, else 0: ids of shape S give (…S, classes) float32. */
export function oneHot(ids: Int32Array, classes: number, options: { readonly like?: Tensor } = {}): Tensor {
  wantIds('oneHot', 'ids', ids);
  const values = hostValues('oneHot', Float32Array, ids.length * classes);
  ids.forEach((id, i) => {
    if (id < 0 || id >= classes) {
      throw new TensorError('index_out_of_range', `[oneHot] expected ids from 0 to ${classes - 1}, got ${id}`);
    }
    values[i * classes + id] = 1;
  });
  const backend = options.like?.backend;
  return tensor<DType>(values, { shape: [ids.length, classes], ...(backend && { backend }) });
}
