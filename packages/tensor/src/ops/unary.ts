import type { StepFn, UnaryFn } from '../backend/contract';
import { record } from '../tape';
import type { Tensor } from '../tensor';
import { kernelsFor, like, wantFloat } from './common';

/** @internal fn of each element, on the tape. */
export function unary(fn: UnaryFn, x: Tensor): Tensor {
  const k = kernelsFor(fn, x);
  if (fn !== 'abs' && fn !== 'neg' && fn !== 'square' && fn !== 'relu') wantFloat(fn, x);
  const y = like(x, k.unary(fn, x));
  record(fn, [y], [x], [x, y], ([gy]) => [like(x, k.unaryGrad(fn, x, y, gy as Tensor))]);
  return y;
}

function step(fn: StepFn, x: Tensor): Tensor {
  wantFloat(fn, x);
  return like(x, kernelsFor(fn, x).unary(fn, x));
}

/**
 * |x| of each element, in x's dtype, whichever it is. The gradient is sign(x), 0 at 0 and at NaN, as in PyTorch.
 *
 * @example
 * ```ts
 * import { abs, tensor } from '@tessera-llm/tensor';
 * console.log(await abs(tensor([-2, 0, 3])).data()); // [2, 0, 3]
 * ```
 */
export const abs = (x: Tensor): Tensor => unary('abs', x);

/**
 * -x of each element, in x's dtype; uint8 wraps at 256.
 *
 * @example
 * ```ts
 * import { neg, tensor } from '@tessera-llm/tensor';
 * console.log(await neg(tensor([1, -2])).data()); // [-1, 2]
 * ```
 */
export const neg = (x: Tensor): Tensor => unary('neg', x);

/**
 * x² of each element, in x's dtype.
 *
 * @example
 * ```ts
 * import { square, tensor } from '@tessera-llm/tensor';
 * console.log(await square(tensor([-3, 0.5])).data()); // [9, 0.25]
 * ```
 */
export const square = (x: Tensor): Tensor => unary('square', x);

/**
 * √x of each element, in x's float dtype; NaN below 0. The gradient is infinite at 0.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { sqrt, tensor } from '@tessera-llm/tensor';
 * console.log(await sqrt(tensor([4, 0])).data()); // [2, 0]
 * ```
 */
export const sqrt = (x: Tensor): Tensor => unary('sqrt', x);

/**
 * 1 / √x of each element, in x's float dtype; Infinity at 0, NaN below.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { rsqrt, tensor } from '@tessera-llm/tensor';
 * console.log(await rsqrt(tensor([4, 0.25])).data()); // [0.5, 2]
 * ```
 */
export const rsqrt = (x: Tensor): Tensor => unary('rsqrt', x);

/**
 * 1 / x of each element, in x's float dtype; infinite at 0.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { reciprocal, tensor } from '@tessera-llm/tensor';
 * console.log(await reciprocal(tensor([4, -0.5])).data()); // [0.25, -2]
 * ```
 */
export const reciprocal = (x: Tensor): Tensor => unary('reciprocal', x);

/**
 * e^x of each element, in x's float dtype.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { exp, tensor } from '@tessera-llm/tensor';
 * console.log(await exp(tensor([0, 1])).data()); // [1, 2.718…]
 * ```
 */
export const exp = (x: Tensor): Tensor => unary('exp', x);

/**
 * e^x - 1 of each element, in x's float dtype; accurate near 0, where `exp` less 1 cancels.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { expm1, tensor } from '@tessera-llm/tensor';
 * console.log(await expm1(tensor([0, 1])).data()); // [0, 1.718…]
 * ```
 */
export const expm1 = (x: Tensor): Tensor => unary('expm1', x);

/**
 * Natural logarithm of each element, in x's float dtype; -Infinity at 0, NaN below.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { log, tensor } from '@tessera-llm/tensor';
 * console.log(await log(tensor([1, 10])).data()); // [0, 2.302…]
 * ```
 */
export const log = (x: Tensor): Tensor => unary('log', x);

/**
 * log(1 + x) of each element, in x's float dtype; accurate near 0, where 1 + x rounds.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { log1p, tensor } from '@tessera-llm/tensor';
 * console.log(await log1p(tensor([0, 1])).data()); // [0, 0.693…]
 * ```
 */
export const log1p = (x: Tensor): Tensor => unary('log1p', x);

/**
 * sin x of each element, x in radians, in x's float dtype.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { sin, tensor } from '@tessera-llm/tensor';
 * console.log(await sin(tensor([0, 1])).data()); // [0, 0.841…]
 * ```
 */
export const sin = (x: Tensor): Tensor => unary('sin', x);

/**
 * cos x of each element, x in radians, in x's float dtype.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { cos, tensor } from '@tessera-llm/tensor';
 * console.log(await cos(tensor([0, 1])).data()); // [1, 0.540…]
 * ```
 */
export const cos = (x: Tensor): Tensor => unary('cos', x);

/**
 * The Gauss error function 2/√π ∫₀ˣ e^-t² dt of each element, in x's float dtype.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { erf, tensor } from '@tessera-llm/tensor';
 * console.log(await erf(tensor([0, 1])).data()); // [0, 0.842…]
 * ```
 */
export const erf = (x: Tensor): Tensor => unary('erf', x);

/**
 * Smallest whole number at or above each element, in x's float dtype. No gradient flows through.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { ceil, tensor } from '@tessera-llm/tensor';
 * console.log(await ceil(tensor([0.2, -1.5])).data()); // [1, -1]
 * ```
 */
export const ceil = (x: Tensor): Tensor => step('ceil', x);

/**
 * Largest whole number at or below each element, in x's float dtype. No gradient flows through.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { floor, tensor } from '@tessera-llm/tensor';
 * console.log(await floor(tensor([0.2, -1.5])).data()); // [0, -2]
 * ```
 */
export const floor = (x: Tensor): Tensor => step('floor', x);

/**
 * Nearest whole number, halves to even as in IEEE 754, in x's float dtype. No gradient flows through.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { round, tensor } from '@tessera-llm/tensor';
 * console.log(await round(tensor([0.5, 1.5, -2.6])).data()); // [0, 2, -3]
 * ```
 */
export const round = (x: Tensor): Tensor => step('round', x);

/**
 * -1, 0 or 1 by the sign of each element, NaN for NaN, in x's float dtype. No gradient flows through.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { sign, tensor } from '@tessera-llm/tensor';
 * console.log(await sign(tensor([-3, 0, 0.5])).data()); // [-1, 0, 1]
 * ```
 */
export const sign = (x: Tensor): Tensor => step('sign', x);
