import { TensorError } from '../errors';
import { record } from '../tape';
import type { Tensor } from '../tensor';
import { axisOf, kernelsFor, like } from './common';
import { permute } from './shape';
import { narrow } from './slice';

function alongLast<T>(
  op: string,
  x: Tensor,
  dim: number,
  fn: (last: Tensor) => T,
  back: (result: T, undo: (y: Tensor) => Tensor) => T,
): T {
  const axis = axisOf(op, x, dim);
  if (axis === x.rank - 1) return fn(x);
  const order = x.shape.map((_, i) => i).filter((i) => i !== axis);
  order.push(axis);
  const undo = (y: Tensor) =>
    permute(
      y,
      order.map((_, i) => order.indexOf(i)),
    );
  return back(fn(permute(x, order)), undo);
}

/** Sorted or selected values, and where along the axis they came from (int32). */
export interface Selection {
  /** In x's dtype. */
  readonly values: Tensor;
  /** int32, of the same shape. */
  readonly indices: Tensor;
}

const undoBoth = (r: Selection, undo: (y: Tensor) => Tensor): Selection => ({
  values: undo(r.values),
  indices: undo(r.indices),
});

function selection(name: string, x: Tensor, made: { values: Tensor; indices: Tensor }): Selection {
  record(name, [made.values], [x], [made.indices], ([gy]) => [
    like(x, kernelsFor(name, gy as Tensor).scatterAdd(x.shape, made.indices, gy as Tensor, x.rank - 1)),
  ]);
  return made;
}

/**
 * Values in order along an axis, with their indices; stable, NaN counts as largest. Gradients flow to the values.
 *
 * @param options.dim Default the last.
 * @param options.descending Default false.
 * @throws TensorError `axis`
 *
 * @example
 * ```ts
 * import { sort, tensor } from '@tessera-llm/tensor';
 * const { values, indices } = sort(tensor([3, 9, 5]));
 * console.log(await values.data(), await indices.data()); // [3, 5, 9] [0, 2, 1]
 * ```
 */
export function sort(x: Tensor, options: { readonly dim?: number; readonly descending?: boolean } = {}): Selection {
  return alongLast(
    'sort',
    x,
    options.dim ?? -1,
    (last) => {
      const r = kernelsFor('sort', last).sort(last, options.descending ?? false);
      return selection('sort', last, { values: like(x, r.values), indices: like(x, r.indices) });
    },
    undoBoth,
  );
}

/**
 * Indices that sort an axis, int32; see `sort`.
 *
 * @throws TensorError `axis`
 *
 * @example
 * ```ts
 * import { argsort, tensor } from '@tessera-llm/tensor';
 * console.log(await argsort(tensor([3, 9, 5]), { descending: true }).data()); // [1, 2, 0]
 * ```
 */
export function argsort(x: Tensor, options: { readonly dim?: number; readonly descending?: boolean } = {}): Tensor {
  return sort(x, options).indices;
}

/**
 * The k largest (or smallest) values of an axis in order, with their indices; ties to the lower index, NaN counts as
 * largest. Gradients flow to the values.
 *
 * @param options.dim Default the last.
 * @param options.largest Default true.
 * @throws TensorError `value` for a k outside 0 … extent, `axis`.
 *
 * @example
 * ```ts
 * import { tensor, topk } from '@tessera-llm/tensor';
 * const { values, indices } = topk(tensor([3, 9, 5]), 2);
 * console.log(await values.data(), await indices.data()); // [9, 5] [1, 2]
 * ```
 */
export function topk(
  x: Tensor,
  k: number,
  options: { readonly dim?: number; readonly largest?: boolean } = {},
): Selection {
  const axis = axisOf('topk', x, options.dim ?? -1);
  const extent = x.shape[axis] as number;
  if (!Number.isInteger(k) || k < 0 || k > extent) {
    throw new TensorError('value', `[topk] expected k from 0 to ${extent}, got ${k}`);
  }
  const largest = options.largest ?? true;
  return alongLast(
    'topk',
    x,
    axis,
    (last) => {
      if (!largest) {
        const all = sort(last);
        const first = (y: Tensor) => narrow(y, { dim: -1, start: 0, length: k });
        return { values: first(all.values), indices: first(all.indices) };
      }
      const r = kernelsFor('topk', last).topk(last, k);
      return selection('topk', last, { values: like(x, r.values), indices: like(x, r.indices) });
    },
    undoBoth,
  );
}
