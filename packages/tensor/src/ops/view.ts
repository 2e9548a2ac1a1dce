import { record } from '../tape';
import { TensorError } from '../errors';
import { checkShape, normalizeAxis, showShape, sizeOf } from '../shape';
import { type Tensor, viewOf, wantTensor } from '../tensor';
import { axisOf } from './common';

/**
 * The same values in another shape; one extent may be -1 and is worked out. A view.
 *
 * @throws TensorError `shape` if the number of elements differs.
 *
 * @example
 * ```ts
 * import { arange, reshape } from '@tessera-llm/tensor';
 * console.log(reshape(arange(6), [2, -1]).shape); // [2, 3]
 * ```
 */
export function reshape<T extends Tensor>(x: T, shape: readonly number[]): Tensor<T['dtype']> {
  wantTensor('reshape', x);
  if (!Array.isArray(shape)) checkShape('reshape', shape);
  const target = [...shape];
  const free = target.indexOf(-1);
  if (free >= 0) {
    const known = sizeOf(target.filter((_, i) => i !== free));
    target[free] = known === 0 ? 0 : x.size / known;
    if (!Number.isInteger(target[free])) throwReshape(x, shape);
  }
  checkShape('reshape', target);
  if (sizeOf(target) !== x.size) throwReshape(x, shape);
  const y = viewOf(x, target);
  record('reshape', [y], [x], [], ([gy]) => [viewOf(gy as Tensor, x.shape)]);
  return y;
}

function throwReshape(x: Tensor, shape: readonly number[]): never {
  throw new TensorError(
    'shape',
    `[reshape] expected a shape of ${x.size} elements for ${showShape(x.shape)}, got ${showShape(shape)}`,
  );
}

/**
 * Axes `from` to `to` (inclusive, default all) become one; a scalar becomes (1). A view.
 *
 * @throws TensorError `axis`
 *
 * @example
 * ```ts
 * import { flatten, zeros } from '@tessera-llm/tensor';
 * console.log(flatten(zeros([2, 3, 4]), 1).shape); // [2, 12]
 * ```
 */
export function flatten(x: Tensor, from = 0, to = -1): Tensor {
  wantTensor('flatten', x);
  if (x.rank === 0) return reshape(x, [1]);
  const a = axisOf('flatten', x, from);
  const b = axisOf('flatten', x, to);
  if (b < a) throw new TensorError('axis', `[flatten] expected from <= to, got ${from} and ${to}`);
  const merged = sizeOf(x.shape.slice(a, b + 1));
  return reshape(x, [...x.shape.slice(0, a), merged, ...x.shape.slice(b + 1)]);
}

/**
 * A new axis of extent 1 at `axis`; -1 puts it last. A view.
 *
 * @throws TensorError `axis`
 *
 * @example
 * ```ts
 * import { unsqueeze, zeros } from '@tessera-llm/tensor';
 * console.log(unsqueeze(zeros([2, 3]), -1).shape); // [2, 3, 1]
 * ```
 */
export function unsqueeze(x: Tensor, axis: number): Tensor {
  wantTensor('unsqueeze', x);
  const at = normalizeAxis('unsqueeze', axis, x.rank + 1);
  return reshape(x, [...x.shape.slice(0, at), 1, ...x.shape.slice(at)]);
}

/**
 * Drops an axis of extent 1, or all of them if none is named. A view.
 *
 * @throws TensorError `shape` if the axis has another extent, `axis`.
 *
 * @example
 * ```ts
 * import { squeeze, zeros } from '@tessera-llm/tensor';
 * console.log(squeeze(zeros([1, 3, 1])).shape, squeeze(zeros([1, 3, 1]), 0).shape); // [3] [3, 1]
 * ```
 */
export function squeeze(x: Tensor, axis?: number): Tensor {
  wantTensor('squeeze', x);
  if (axis === undefined) {
    return reshape(
      x,
      x.shape.filter((n) => n !== 1),
    );
  }
  const at = axisOf('squeeze', x, axis);
  if (x.shape[at] !== 1) {
    throw new TensorError('shape', `[squeeze] expected axis ${axis} to have extent 1, got ${showShape(x.shape)}`);
  }
  return reshape(
    x,
    x.shape.filter((_, i) => i !== at),
  );
}
