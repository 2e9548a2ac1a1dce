import type { ReduceFn } from '../backend/contract';
import { record } from '../tape';
import { TensorError } from '../errors';
import { sizeOf } from '../shape';
import { type Tensor, viewOf, wantTensor } from '../tensor';
import { axesOf, axisOf, kernelsFor, like, wantDtype } from './common';
import { div, equal, logicalAnd, mul, where } from './elementwise';
import { cast } from './indexing';
import { broadcastTo, permute } from './shape';
import { narrow } from './slice';
import { reshape } from './view';

/** Which axes a reduction runs over. */
export interface ReduceOptions {
  /** One axis or several; default all. */
  readonly dims?: number | readonly number[] | null;
  /** Keep reduced axes with extent 1; default false. */
  readonly keepdim?: boolean;
}

/** @internal The shape with the reduced axes at extent 1. */
export function keptShape(shape: readonly number[], axes: readonly number[]): number[] {
  return shape.map((n, i) => (axes.includes(i) ? 1 : n));
}

function reduceKernel(fn: ReduceFn, x: Tensor, axes: readonly number[], keepdim: boolean): Tensor {
  const y = like(x, kernelsFor(fn, x).reduce(fn, x, axes));
  return keepdim ? viewOf(y, keptShape(x.shape, axes)) : y;
}

/** Bools and bytes are counted in int32: sums of their own dtype would wrap at 256, and a sum of bools be no bool. */
function isNarrow(op: string, x: Tensor): boolean {
  wantTensor(op, x);
  return x.dtype === 'bool' || x.dtype === 'uint8';
}

/**
 * Sum over axes; an empty sum is 0. The order of additions depends on the reduced length alone. Of bool and uint8 it is int32.
 *
 * @example
 * ```ts
 * import { sum, tensor } from '@tessera-llm/tensor';
 * console.log(await sum(tensor([[1, 2], [3, 4]]), { dims: 0 }).data()); // [4, 6]
 * ```
 */
export function sum(x: Tensor, options: ReduceOptions = {}): Tensor {
  if (isNarrow('sum', x)) return sum(cast(x, 'int32'), options);
  const axes = axesOf('sum', x, options.dims);
  const y = reduceKernel('sum', x, axes, options.keepdim ?? false);
  record('sum', [y], [x], [], ([gy]) => [broadcastTo(viewOf(gy as Tensor, keptShape(x.shape, axes)), x.shape)]);
  return y;
}

function flattenReduced(x: Tensor, axes: readonly number[]): Tensor {
  const outer = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const moved = permute(x, [...outer, ...axes]);
  return reshape(moved, [...outer.map((i) => x.shape[i] as number), sizeOf(axes.map((a) => x.shape[a] as number))]);
}

function extreme(fn: 'max' | 'min', x: Tensor, options: ReduceOptions): Tensor {
  const axes = axesOf(fn, x, options.dims);
  if (axes.some((a) => x.shape[a] === 0)) {
    throw new TensorError('shape', `[${fn}] expected at least one element to reduce, got none`);
  }
  const y = reduceKernel(fn, x, axes, options.keepdim ?? false);
  record(fn, [y], [x], [x], ([gy]) => {
    // The gradient goes to the first extremum: through a gather along the flattened reduced axes.
    const outer = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
    const order = [...outer, ...axes];
    const flat = flattenReduced(x, axes);
    const k = kernelsFor(fn, flat);
    const index = like(x, k.argReduce(fn, flat, flat.rank - 1));
    const shape = [...flat.shape.slice(0, -1), 1];
    const g = like(x, k.scatterAdd(flat.shape, viewOf(index, shape), viewOf(gy as Tensor, shape), flat.rank - 1));
    const moved = viewOf(
      g,
      order.map((i) => x.shape[i] as number),
    );
    return [
      permute(
        moved,
        order.map((_, i) => order.indexOf(i)),
      ),
    ];
  });
  return y;
}

/** Largest value over axes; the gradient goes to the first of equals. */
export const max = (x: Tensor, options: ReduceOptions = {}): Tensor => extreme('max', x, options);
/** Smallest value over axes; the gradient goes to the first of equals. */
export const min = (x: Tensor, options: ReduceOptions = {}): Tensor => extreme('min', x, options);

/** Product over axes; the gradient is right also where elements are 0. Of bool and uint8 it is int32. */
export function prod(x: Tensor, options: ReduceOptions = {}): Tensor {
  if (isNarrow('prod', x)) return prod(cast(x, 'int32'), options);
  const axes = axesOf('prod', x, options.dims);
  const y = reduceKernel('prod', x, axes, options.keepdim ?? false);
  record('prod', [y], [x], [x], ([gy]) => {
    const keep = { dims: axes, keepdim: true };
    const isZero = equal(x, 0);
    const nonZero = where(isZero, 1, x);
    const others = prod(nonZero, keep);
    const zeroCount = sum(cast(isZero, x.dtype), keep);
    const whole = where(equal(zeroCount, 0), div(others, nonZero), 0);
    const single = logicalAnd(equal(broadcastTo(zeroCount, x.shape), 1), isZero);
    const partial = where(single, broadcastTo(others, x.shape), whole);
    return [mul(viewOf(gy as Tensor, keptShape(x.shape, axes)), partial)];
  });
  return y;
}

/** True where any element over the axes is true. */
export function any(x: Tensor, options: ReduceOptions = {}): Tensor {
  wantDtype('any', x, 'x', 'bool');
  return reduceKernel('any', x, axesOf('any', x, options.dims), options.keepdim ?? false);
}

/** True where all elements over the axes are true. */
export function all(x: Tensor, options: ReduceOptions = {}): Tensor {
  wantDtype('all', x, 'x', 'bool');
  return reduceKernel('all', x, axesOf('all', x, options.dims), options.keepdim ?? false);
}

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

/** Index of the first largest element along `dim`, or of the flattened tensor. int32. */
export const argmax = (
  x: Tensor,
  options: { readonly dim?: number; readonly keepdim?: boolean } = {},
): Tensor<'int32'> => argExtreme('max', x, options);
/** Index of the first smallest element along `dim`, or of the flattened tensor. int32. */
export const argmin = (
  x: Tensor,
  options: { readonly dim?: number; readonly keepdim?: boolean } = {},
): Tensor<'int32'> => argExtreme('min', x, options);

/** Running sums along an axis; `reverse` from its end. Of bool and uint8 they are int32. */
export function cumsum(x: Tensor, options: { readonly dim: number; readonly reverse?: boolean }): Tensor {
  if (isNarrow('cumsum', x)) return cumsum(cast(x, 'int32'), options);
  const axis = axisOf('cumsum', x, options.dim);
  const reverse = options.reverse ?? false;
  const y = like(x, kernelsFor('cumsum', x).cumsum(x, axis, reverse));
  record('cumsum', [y], [x], [], ([gy]) => [cumsum(gy as Tensor, { dim: axis, reverse: !reverse })]);
  return y;
}

function alongLast<T>(
  x: Tensor,
  dim: number,
  fn: (last: Tensor) => T,
  back: (result: T, undo: (y: Tensor) => Tensor) => T,
): T {
  const axis = axisOf('sort', x, dim);
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
  readonly values: Tensor;
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

/** Values in order along an axis, with their indices; stable, NaN counts as largest. */
export function sort(x: Tensor, options: { readonly dim?: number; readonly descending?: boolean } = {}): Selection {
  return alongLast(
    x,
    options.dim ?? -1,
    (last) => {
      const r = kernelsFor('sort', last).sort(last, options.descending ?? false);
      return selection('sort', last, { values: like(x, r.values), indices: like(x, r.indices) });
    },
    undoBoth,
  );
}

/** Indices that sort an axis; see `sort`. */
export function argsort(x: Tensor, options: { readonly dim?: number; readonly descending?: boolean } = {}): Tensor {
  return sort(x, options).indices;
}

/**
 * The k largest (or smallest) values of an axis in order, ties to the lower index.
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
