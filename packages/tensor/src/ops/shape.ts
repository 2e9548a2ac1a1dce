import { TensorError } from '../errors';
import { broadcastShapes, checkShape, normalizeAxis, sameShape, showShape } from '../shape';
import { record } from '../tape';
import { type Tensor, wantTensor } from '../tensor';
import { axesOf, axisOf, firstOf, kernelsFor, like, sameDtype, unbroadcast } from './common';
import { slice, split } from './slice';
import { reshape, unsqueeze } from './view';

/**
 * Axes in another order: axis i of the result is axis axes[i] of x. A copy, unless the order stays.
 *
 * @throws TensorError `axis` unless each is named once.
 *
 * @example
 * ```ts
 * import { permute, zeros } from '@tessera-llm/tensor';
 * console.log(permute(zeros([2, 3, 4]), [2, 0, 1]).shape); // [4, 2, 3]
 * ```
 */
export function permute(x: Tensor, axes: readonly number[]): Tensor {
  wantTensor('permute', x);
  if (!Array.isArray(axes)) throw new TensorError('axis', `[permute] expected a list of axes, got ${String(axes)}`);
  const order = axes.map((a) => axisOf('permute', x, a));
  if (order.length !== x.rank || new Set(order).size !== x.rank) {
    throw new TensorError('axis', `[permute] expected each of ${x.rank} axes once, got (${axes.join(', ')})`);
  }
  const k = kernelsFor('permute', x);
  if (order.every((a, i) => a === i)) return reshape(x, x.shape);
  const y = like(x, k.permute(x, order));
  const inverse = order.map((_, i) => order.indexOf(i));
  record('permute', [y], [x], [], ([gy]) => [
    like(x, kernelsFor('permute', gy as Tensor).permute(gy as Tensor, inverse)),
  ]);
  return y;
}

/**
 * Swaps two axes; by default the last two. A copy.
 *
 * @throws TensorError `axis`
 *
 * @example
 * ```ts
 * import { tensor, transpose } from '@tessera-llm/tensor';
 * console.log(await transpose(tensor([[1, 2], [3, 4]])).data()); // [1, 3, 2, 4]
 * ```
 */
export function transpose(x: Tensor, a = -2, b = -1): Tensor {
  const i = axisOf('transpose', x, a);
  const j = axisOf('transpose', x, b);
  const order = x.shape.map((_, axis) => (axis === i ? j : axis === j ? i : axis));
  return permute(x, order);
}

/**
 * x repeated along axes of extent 1 (and new leading axes) to the given shape. A copy; elementwise ops broadcast
 * without one.
 *
 * @throws TensorError `shape` unless x broadcasts to it.
 *
 * @example
 * ```ts
 * import { broadcastTo, tensor } from '@tessera-llm/tensor';
 * console.log(await broadcastTo(tensor([[1], [2]]), [2, 3]).data()); // [1, 1, 1, 2, 2, 2]
 * ```
 */
export function broadcastTo(x: Tensor, shape: readonly number[]): Tensor {
  wantTensor('broadcastTo', x);
  checkShape('broadcastTo', shape);
  if (!sameShape(broadcastShapes('broadcastTo', x.shape, shape), shape)) {
    throw new TensorError(
      'shape',
      `[broadcastTo] expected a shape that ${showShape(x.shape)} broadcasts to, got ${showShape(shape)}`,
    );
  }
  const y = like(x, kernelsFor('broadcastTo', x).broadcastTo(x, [...shape]));
  record('broadcastTo', [y], [x], [], ([gy]) => [unbroadcast(gy as Tensor, x.shape)]);
  return y;
}

/**
 * Tensors one after the other along an axis; of one dtype, and of shapes equal but for it.
 *
 * @param options.dim Default 0.
 * @throws TensorError `shape`, `dtype`, `axis`; `value` for an empty list.
 *
 * @example
 * ```ts
 * import { concat, tensor } from '@tessera-llm/tensor';
 * console.log(await concat([tensor([1]), tensor([2, 3])]).data()); // [1, 2, 3]
 * ```
 */
export function concat(xs: readonly Tensor[], options: { readonly dim?: number } = {}): Tensor {
  const first = firstOf('concat', xs);
  const axis = axisOf('concat', first, options.dim ?? 0);
  for (const x of xs) {
    sameDtype('concat', first, x);
    const fits = x.rank === first.rank && x.shape.every((n, i) => i === axis || n === first.shape[i]);
    if (!fits) {
      throw new TensorError(
        'shape',
        `[concat] expected shapes equal but for axis ${axis}, got ${showShape(first.shape)} and ${showShape(x.shape)}`,
      );
    }
  }
  const y = like(first, kernelsFor('concat', ...xs).concat(xs, axis));
  record('concat', [y], xs, [], ([gy], needs) => {
    const parts = split(
      gy as Tensor,
      xs.map((x) => x.shape[axis] as number),
      { dim: axis },
    );
    return parts.map((g, i) => (needs[i] ? g : null));
  });
  return y;
}

/**
 * Tensors of one shape and dtype along a new axis.
 *
 * @param options.dim The new axis; default 0.
 * @throws TensorError `shape`, `dtype`, `axis`; `value` for an empty list.
 *
 * @example
 * ```ts
 * import { stack, tensor } from '@tessera-llm/tensor';
 * const [a, b] = [tensor([1, 2]), tensor([3, 4])];
 * console.log(await stack([a, b]).data(), await stack([a, b], { dim: 1 }).data()); // [1, 2, 3, 4] [1, 3, 2, 4]
 * ```
 */
export function stack(xs: readonly Tensor[], options: { readonly dim?: number } = {}): Tensor {
  const first = firstOf('stack', xs);
  const axis = normalizeAxis('stack', options.dim ?? 0, first.rank + 1);
  return concat(
    xs.map((x) => unsqueeze(x, axis)),
    { dim: axis },
  );
}

/**
 * x with `value` around it: `before` and `after` say how many entries each axis gets.
 *
 * @param options.value Default 0.
 * @throws TensorError `shape` unless both have a non-negative integer for each axis.
 *
 * @example
 * ```ts
 * import { pad, tensor } from '@tessera-llm/tensor';
 * console.log(await pad(tensor([1, 2]), { before: [1], after: [2], value: 9 }).data()); // [9, 1, 2, 9, 9]
 * ```
 */
export function pad(
  x: Tensor,
  options: { readonly before: readonly number[]; readonly after: readonly number[]; readonly value?: number },
): Tensor {
  const { before, after, value = 0 } = options;
  wantTensor('pad', x);
  checkShape('pad', [...before, ...after]);
  if (before.length !== x.rank || after.length !== x.rank) {
    throw new TensorError(
      'shape',
      `[pad] expected ${x.rank} entries in before and after, got ${before.length} and ${after.length}`,
    );
  }
  const y = like(x, kernelsFor('pad', x).pad(x, before, after, value));
  record('pad', [y], [x], [], ([gy]) => [
    slice(
      gy as Tensor,
      x.shape.map((n, i) => ({ start: before[i] as number, stop: (before[i] as number) + n })),
    ),
  ]);
  return y;
}

/**
 * Entries of the given axes in reverse order.
 *
 * @param options.dims Default all.
 * @throws TensorError `axis`
 *
 * @example
 * ```ts
 * import { flip, tensor } from '@tessera-llm/tensor';
 * console.log(await flip(tensor([[1, 2], [3, 4]]), { dims: 1 }).data()); // [2, 1, 4, 3]
 * ```
 */
export function flip(x: Tensor, options: { readonly dims?: number | readonly number[] } = {}): Tensor {
  const axes = axesOf('flip', x, options.dims);
  return slice(
    x,
    x.shape.map((_, i) => (axes.includes(i) ? { step: -1 } : null)),
  );
}

/**
 * Entries of an axis moved on by `shift`, around the end; a negative one moves them back.
 *
 * @throws TensorError `axis`, `value` unless shift is an integer.
 *
 * @example
 * ```ts
 * import { roll, tensor } from '@tessera-llm/tensor';
 * console.log(await roll(tensor([1, 2, 3]), { shift: 1, dim: 0 }).data()); // [3, 1, 2]
 * ```
 */
export function roll(x: Tensor, options: { readonly shift: number; readonly dim: number }): Tensor {
  const axis = axisOf('roll', x, options.dim);
  const extent = x.shape[axis] as number;
  if (extent === 0) return reshape(x, x.shape);
  const cut = extent - (((options.shift % extent) + extent) % extent);
  const [head, tail] = split(x, [cut, extent - cut], { dim: axis });
  return concat([tail as Tensor, head as Tensor], { dim: axis });
}
