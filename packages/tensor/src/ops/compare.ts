import type { CompareFn } from '../backend/contract';
import { broadcastShapes } from '../shape';
import type { Tensor } from '../tensor';
import { asOperand, kernelsFor, like, sameDtype, wantDtype } from './common';

function compare(fn: CompareFn, a: Tensor, second: Tensor | number): Tensor<'bool'> {
  const b = asOperand(a, second);
  const k = kernelsFor(fn, a, b);
  sameDtype(fn, a, b);
  broadcastShapes(fn, a.shape, b.shape);
  return like(a, k.compare(fn, a, b)) as Tensor<'bool'>;
}

/**
 * a = b with NumPy broadcasting, as bool; both have one dtype, and b may be a number, which is converted to it. NaN
 * equals nothing, itself neither.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { equal, tensor } from '@tessera-llm/tensor';
 * console.log(await equal(tensor([1, 2]), 2).data()); // [0, 1]
 * ```
 */
export const equal = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('eq', a, b);

/**
 * a ≠ b, as bool; operands as in `equal`. True where either is NaN.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { notEqual, tensor } from '@tessera-llm/tensor';
 * console.log(await notEqual(tensor([1, 2]), 2).data()); // [1, 0]
 * ```
 */
export const notEqual = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('ne', a, b);

/**
 * a < b, as bool; operands as in `equal`. False where either is NaN.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { less, tensor } from '@tessera-llm/tensor';
 * console.log(await less(tensor([1, 2, 3]), 2).data()); // [1, 0, 0]
 * ```
 */
export const less = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('lt', a, b);

/**
 * a <= b, as bool; operands as in `equal`. False where either is NaN.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { lessEqual, tensor } from '@tessera-llm/tensor';
 * console.log(await lessEqual(tensor([1, 2, 3]), 2).data()); // [1, 1, 0]
 * ```
 */
export const lessEqual = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('le', a, b);

/**
 * a > b, as bool; operands as in `equal`. False where either is NaN.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { greater, tensor } from '@tessera-llm/tensor';
 * console.log(await greater(tensor([1, 2, 3]), 2).data()); // [0, 0, 1]
 * ```
 */
export const greater = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('gt', a, b);

/**
 * a >= b, as bool; operands as in `equal`. False where either is NaN.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { greaterEqual, tensor } from '@tessera-llm/tensor';
 * console.log(await greaterEqual(tensor([1, 2, 3]), 2).data()); // [0, 1, 1]
 * ```
 */
export const greaterEqual = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('ge', a, b);

/**
 * True where x is NaN, as bool; x of any dtype.
 *
 * @example
 * ```ts
 * import { isNan, tensor } from '@tessera-llm/tensor';
 * console.log(await isNan(tensor([1, NaN, Infinity])).data()); // [0, 1, 0]
 * ```
 */
export const isNan = (x: Tensor): Tensor<'bool'> => like(x, kernelsFor('isNan', x).isNan(x)) as Tensor<'bool'>;

/**
 * True where x is neither NaN nor infinite, as bool; x of any dtype.
 *
 * @example
 * ```ts
 * import { isFinite, tensor } from '@tessera-llm/tensor';
 * console.log(await isFinite(tensor([1, NaN, Infinity])).data()); // [1, 0, 0]
 * ```
 */
export const isFinite = (x: Tensor): Tensor<'bool'> => like(x, kernelsFor('isFinite', x).isFinite(x)) as Tensor<'bool'>;

/**
 * True where both are, of two bool tensors that broadcast.
 *
 * @throws TensorError `dtype` unless both are bool, `shape` unless they broadcast.
 *
 * @example
 * ```ts
 * import { greater, less, logicalAnd, tensor } from '@tessera-llm/tensor';
 * const x = tensor([1, 2, 3]);
 * console.log(await logicalAnd(greater(x, 1), less(x, 3)).data()); // [0, 1, 0]
 * ```
 */
export function logicalAnd(a: Tensor, b: Tensor): Tensor<'bool'> {
  wantDtype('logicalAnd', a, 'a', 'bool');
  wantDtype('logicalAnd', b, 'b', 'bool');
  return like(a, kernelsFor('logicalAnd', a, b).binary('minimum', a, b)) as Tensor<'bool'>;
}

/**
 * True where either is, of two bool tensors that broadcast.
 *
 * @throws TensorError `dtype` unless both are bool, `shape` unless they broadcast.
 *
 * @example
 * ```ts
 * import { greater, less, logicalOr, tensor } from '@tessera-llm/tensor';
 * const x = tensor([1, 2, 3]);
 * console.log(await logicalOr(greater(x, 2), less(x, 2)).data()); // [1, 0, 1]
 * ```
 */
export function logicalOr(a: Tensor, b: Tensor): Tensor<'bool'> {
  wantDtype('logicalOr', a, 'a', 'bool');
  wantDtype('logicalOr', b, 'b', 'bool');
  return like(a, kernelsFor('logicalOr', a, b).binary('maximum', a, b)) as Tensor<'bool'>;
}

/**
 * The opposite of a bool tensor.
 *
 * @throws TensorError `dtype` unless a is bool.
 *
 * @example
 * ```ts
 * import { isNan, logicalNot, tensor } from '@tessera-llm/tensor';
 * console.log(await logicalNot(isNan(tensor([1, NaN]))).data()); // [1, 0]
 * ```
 */
export function logicalNot(a: Tensor): Tensor<'bool'> {
  wantDtype('logicalNot', a, 'a', 'bool');
  return equal(a, 0);
}
