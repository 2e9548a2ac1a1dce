import { hostValues, tensor } from '../create';
import type { DType } from '../dtype';
import { TensorError } from '../errors';
import { sameShape } from '../shape';
import { record } from '../tape';
import { isTensor, type Tensor, wantTensor } from '../tensor';
import { kernelsFor, like, wantDtype, wantIds, wantShape } from './common';
import { equal } from './compare';
import { where } from './select';
import { reshape } from './view';

/**
 * Rows of a table: weight (V, C) of any dtype at int32 ids of any shape S gives (…S, C); an Int32Array is one axis. The
 * gradient adds up in the rows that were looked up.
 *
 * @param options.paddingIdx A row that gets no gradient, default none; a negative one counts from the end, as in
 *   PyTorch.
 * @throws TensorError `index_out_of_range` for an id outside 0 … V-1, or a padding row outside the table; `shape`,
 *   `dtype`, `value` for ids that are neither a tensor nor an Int32Array.
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

/**
 * 1 at each id, else 0: ids (N) give (N, classes) float32.
 *
 * @param options.like Whose backend the result is on; default: the process's.
 * @throws TensorError `index_out_of_range` for an id outside the classes, `value` for ids that are no Int32Array.
 *
 * @example
 * ```ts
 * import { oneHot } from '@tessera-llm/tensor';
 * console.log(await oneHot(new Int32Array([2, 0]), 3).data()); // [0, 0, 1, 1, 0, 0]
 * ```
 */
export function oneHot(ids: Int32Array, classes: number, options: { readonly like?: Tensor } = {}): Tensor {
  wantIds('oneHot', 'ids', ids);
  if (!Number.isSafeInteger(classes) || classes < 0) {
    throw new TensorError('value', `[oneHot] expected a whole number of classes, got ${classes}`);
  }
  if (options.like !== undefined) wantTensor('oneHot', options.like, 'like');
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
