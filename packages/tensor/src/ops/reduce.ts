import type { ReduceFn } from '../backend/contract';
import { TensorError } from '../errors';
import { sizeOf } from '../shape';
import { record } from '../tape';
import { type Tensor, viewOf, wantTensor } from '../tensor';
import { div, mul } from './binary';
import { cast } from './cast';
import { axesOf, axisOf, kernelsFor, like, wantDtype } from './common';
import { equal, logicalAnd } from './compare';
import { where } from './select';
import { broadcastTo, permute } from './shape';
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
 * Sum over axes, in x's dtype; of bool and uint8 it is int32. An empty sum is 0. The order of additions depends on the
 * reduced length alone.
 *
 * @throws TensorError `axis`
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

/**
 * Largest value over axes, in x's dtype; NaN where there is one. The gradient goes to the first of equals.
 *
 * @throws TensorError `shape` for no elements, `axis`.
 *
 * @example
 * ```ts
 * import { max, tensor } from '@tessera-llm/tensor';
 * console.log(await max(tensor([[3, 1], [4, 5]]), { dims: 1 }).data()); // [3, 5]
 * ```
 */
export const max = (x: Tensor, options: ReduceOptions = {}): Tensor => extreme('max', x, options);

/**
 * Smallest value over axes, in x's dtype; NaN where there is one. The gradient goes to the first of equals.
 *
 * @throws TensorError `shape` for no elements, `axis`.
 *
 * @example
 * ```ts
 * import { min, tensor } from '@tessera-llm/tensor';
 * console.log(await min(tensor([[3, 1], [4, 5]]), { dims: 1 }).data()); // [1, 4]
 * ```
 */
export const min = (x: Tensor, options: ReduceOptions = {}): Tensor => extreme('min', x, options);

/**
 * Product over axes, in x's dtype; of bool and uint8 it is int32. An empty product is 1. The gradient is right also
 * where elements are 0.
 *
 * @throws TensorError `axis`
 *
 * @example
 * ```ts
 * import { prod, tensor } from '@tessera-llm/tensor';
 * console.log(await prod(tensor([[1, 2], [3, 4]]), { dims: 1 }).data()); // [2, 12]
 * ```
 */
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

/**
 * True where any element over the axes is, of a bool tensor; of none it is false.
 *
 * @throws TensorError `dtype`, `axis`
 *
 * @example
 * ```ts
 * import { any, greater, tensor } from '@tessera-llm/tensor';
 * console.log(await any(greater(tensor([[1, 2], [3, 4]]), 3), { dims: 1 }).data()); // [0, 1]
 * ```
 */
export function any(x: Tensor, options: ReduceOptions = {}): Tensor {
  wantDtype('any', x, 'x', 'bool');
  return reduceKernel('any', x, axesOf('any', x, options.dims), options.keepdim ?? false);
}

/**
 * True where all elements over the axes are, of a bool tensor; of none it is true.
 *
 * @throws TensorError `dtype`, `axis`
 *
 * @example
 * ```ts
 * import { all, greater, tensor } from '@tessera-llm/tensor';
 * console.log(await all(greater(tensor([[1, 2], [3, 4]]), 2), { dims: 1 }).data()); // [0, 1]
 * ```
 */
export function all(x: Tensor, options: ReduceOptions = {}): Tensor {
  wantDtype('all', x, 'x', 'bool');
  return reduceKernel('all', x, axesOf('all', x, options.dims), options.keepdim ?? false);
}

/**
 * Running sums along `dim`, in x's dtype; of bool and uint8 they are int32.
 *
 * @param options.reverse Sums from the end; default false.
 * @throws TensorError `axis`
 *
 * @example
 * ```ts
 * import { cumsum, tensor } from '@tessera-llm/tensor';
 * const x = tensor([1, 2, 3]);
 * console.log(await cumsum(x, { dim: 0 }).data()); // [1, 3, 6]
 * console.log(await cumsum(x, { dim: 0, reverse: true }).data()); // [6, 5, 3]
 * ```
 */
export function cumsum(x: Tensor, options: { readonly dim: number; readonly reverse?: boolean }): Tensor {
  if (isNarrow('cumsum', x)) return cumsum(cast(x, 'int32'), options);
  const axis = axisOf('cumsum', x, options.dim);
  const reverse = options.reverse ?? false;
  const y = like(x, kernelsFor('cumsum', x).cumsum(x, axis, reverse));
  record('cumsum', [y], [x], [], ([gy]) => [cumsum(gy as Tensor, { dim: axis, reverse: !reverse })]);
  return y;
}
