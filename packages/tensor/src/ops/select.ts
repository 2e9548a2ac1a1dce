import { record } from '../tape';
import { TensorError } from '../errors';
import { broadcastShapes, sameShape, showShape } from '../shape';
import { type Tensor, wantTensor } from '../tensor';
import { asOperand, kernelsFor, like, sameDtype, unbroadcast, wantDtype } from './common';
import { greaterEqual, lessEqual, logicalAnd } from './compare';

/**
 * a where the condition (bool) holds, else b; all three broadcast. a and b have one dtype, and one of them may be a
 * number, which is converted to it. The gradient of each flows where it was taken.
 *
 * @throws TensorError `dtype`, `shape`; `value` for two numbers.
 *
 * @example
 * ```ts
 * import { greater, tensor, where } from '@tessera-llm/tensor';
 * const x = tensor([-1, 2]);
 * console.log(await where(greater(x, 0), x, 0).data()); // [0, 2]
 * ```
 */
export function where(condition: Tensor, a: Tensor | number, b: Tensor | number): Tensor {
  wantDtype('where', condition, 'condition', 'bool');
  const anchor = typeof a === 'number' ? b : a;
  if (typeof anchor === 'number') {
    throw new TensorError('value', '[where] expected a or b to be a tensor, got two numbers');
  }
  const x = asOperand(anchor, a);
  const z = asOperand(anchor, b);
  const k = kernelsFor('where', condition, x, z);
  sameDtype('where', x, z);
  broadcastShapes('where', broadcastShapes('where', condition.shape, x.shape), z.shape);
  const y = like(x, k.where(condition, x, z));
  record('where', [y], [x, z], [condition], ([gy], needs) => {
    const g = gy as Tensor;
    return [
      needs[0] ? unbroadcast(where(condition, g, 0), x.shape) : null,
      needs[1] ? unbroadcast(where(condition, 0, g), z.shape) : null,
    ];
  });
  return y;
}

/**
 * x with `value` where the mask (bool, of a shape that broadcasts to that of x) is true. No gradient flows to x there.
 *
 * @throws TensorError `dtype` unless the mask is bool, `shape` unless it broadcasts to x.
 *
 * @example
 * ```ts
 * import { isNan, maskedFill, tensor } from '@tessera-llm/tensor';
 * const x = tensor([1, NaN, 3]);
 * console.log(await maskedFill(x, isNan(x), 0).data()); // [1, 0, 3]
 * ```
 */
export function maskedFill(x: Tensor, mask: Tensor, value: number): Tensor {
  wantTensor('maskedFill', x);
  wantTensor('maskedFill', mask, 'mask');
  if (!sameShape(broadcastShapes('maskedFill', mask.shape, x.shape), x.shape)) {
    throw new TensorError(
      'shape',
      `[maskedFill] expected a mask that broadcasts to ${showShape(x.shape)}, got ${showShape(mask.shape)}`,
    );
  }
  return where(mask, value, x);
}

/**
 * x limited to [min, max], in x's dtype, whichever it is; NaN stays. Default bounds: none. The gradient passes inside
 * and at the bounds.
 *
 * @throws TensorError `value` unless min <= max.
 *
 * @example
 * ```ts
 * import { clamp, tensor } from '@tessera-llm/tensor';
 * console.log(await clamp(tensor([-2, 0, 2]), { min: -1, max: 1 }).data()); // [-1, 0, 1]
 * ```
 */
export function clamp(x: Tensor, range: { readonly min?: number; readonly max?: number }): Tensor {
  const { min = Number.NEGATIVE_INFINITY, max = Number.POSITIVE_INFINITY } = range;
  const k = kernelsFor('clamp', x);
  if (!(min <= max)) {
    throw new TensorError('value', `[clamp] expected min <= max, got ${min} and ${max}`);
  }
  const y = like(x, k.clamp(x, min, max));
  record('clamp', [y], [x], [x], ([gy]) => {
    const inside = logicalAnd(greaterEqual(x, min), lessEqual(x, max));
    return [where(inside, gy as Tensor, 0)];
  });
  return y;
}
