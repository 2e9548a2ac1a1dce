import type { BinaryFn, CompareFn, StepFn, UnaryFn } from '../backend/contract';
import { isTracked, record } from '../tape';
import { TensorError } from '../errors';
import { broadcastShapes, sameShape, showShape } from '../shape';
import { type Tensor, wantTensor } from '../tensor';
import { asOperand, kernelsFor, like, sameDtype, unbroadcast, wantDtype, wantFloat } from './common';

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

/** |x|, elementwise; gradient sign(x), 0 at 0. */
export const abs = (x: Tensor): Tensor => unary('abs', x);
/** cos x, elementwise, x in radians. */
export const cos = (x: Tensor): Tensor => unary('cos', x);
/** x for x > 0, else e^x - 1. Clevert et al. 2016. */
export const elu = (x: Tensor): Tensor => unary('elu', x);
/** Gauss error function. */
export const erf = (x: Tensor): Tensor => unary('erf', x);
/** e^x, elementwise. */
export const exp = (x: Tensor): Tensor => unary('exp', x);
/** e^x - 1, accurate near 0. */
export const expm1 = (x: Tensor): Tensor => unary('expm1', x);
/** x Φ(x): the exact GELU. Hendrycks and Gimpel 2016. */
export const geluErf = (x: Tensor): Tensor => unary('geluErf', x);
/** 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))): GPT-2's GELU. */
export const geluTanh = (x: Tensor): Tensor => unary('geluTanh', x);
/** x for x > 0, else 0.01 x. */
export const leakyRelu = (x: Tensor): Tensor => unary('leakyRelu', x);
/** Natural logarithm. */
export const log = (x: Tensor): Tensor => unary('log', x);
/** log(1 + x), accurate near 0. */
export const log1p = (x: Tensor): Tensor => unary('log1p', x);
/** x tanh(softplus(x)). Misra 2019. */
export const mish = (x: Tensor): Tensor => unary('mish', x);
/** -x. */
export const neg = (x: Tensor): Tensor => unary('neg', x);
/** x σ(1.702 x). */
export const quickGelu = (x: Tensor): Tensor => unary('quickGelu', x);
/** 1 / x. */
export const reciprocal = (x: Tensor): Tensor => unary('reciprocal', x);
/** max(x, 0); gradient 0 at 0. */
export const relu = (x: Tensor): Tensor => unary('relu', x);
/** max(x, 0)². So et al. 2021. */
export const relu2 = (x: Tensor): Tensor => unary('relu2', x);
/** 1 / √x. */
export const rsqrt = (x: Tensor): Tensor => unary('rsqrt', x);
/** 1 / (1 + e^-x). */
export const sigmoid = (x: Tensor): Tensor => unary('sigmoid', x);
/** x σ(x). Elfwing et al. 2018. */
export const silu = (x: Tensor): Tensor => unary('silu', x);
/** sin x, x in radians. */
export const sin = (x: Tensor): Tensor => unary('sin', x);
/** log(1 + e^x), without overflow. */
export const softplus = (x: Tensor): Tensor => unary('softplus', x);
/** √x. */
export const sqrt = (x: Tensor): Tensor => unary('sqrt', x);
/** x². */
export const square = (x: Tensor): Tensor => unary('square', x);
/** Hyperbolic tangent. */
export const tanh = (x: Tensor): Tensor => unary('tanh', x);
/** Smallest integer at or above x; no gradient. */
export const ceil = (x: Tensor): Tensor => step('ceil', x);
/** Largest integer at or below x; no gradient. */
export const floor = (x: Tensor): Tensor => step('floor', x);
/** Nearest integer, halves to even; no gradient. */
export const round = (x: Tensor): Tensor => step('round', x);
/** -1, 0 or 1; no gradient. */
export const sign = (x: Tensor): Tensor => step('sign', x);

/**
 * x limited to [min, max]; the gradient passes inside and at the bounds.
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

type BinaryVjp = (gy: Tensor, a: Tensor, b: Tensor, y: Tensor) => [() => Tensor, () => Tensor];

const binaryVjps: Readonly<Record<BinaryFn, BinaryVjp>> = {
  add: (gy) => [() => gy, () => gy],
  sub: (gy) => [() => gy, () => neg(gy)],
  mul: (gy, a, b) => [() => mul(gy, b), () => mul(gy, a)],
  div: (gy, _a, b, y) => [() => div(gy, b), () => neg(mul(gy, div(y, b)))],
  // Ties send half to each side, as PyTorch does.
  maximum: (gy, a, b) => extremum(gy, a, b, greater),
  minimum: (gy, a, b) => extremum(gy, a, b, less),
  pow: (gy, a, b, y) => [
    () => mul(gy, where(equal(b, 0), 0, mul(b, pow(a, sub(b, 1))))),
    () => mul(gy, where(equal(a, 0), 0, mul(y, log(a)))),
  ],
};

function extremum(
  gy: Tensor,
  a: Tensor,
  b: Tensor,
  better: (a: Tensor, b: Tensor) => Tensor,
): [() => Tensor, () => Tensor] {
  const share = (won: Tensor) => where(equal(a, b), mul(gy, 0.5), where(won, gy, 0));
  return [() => share(better(a, b)), () => share(better(b, a))];
}

const savesOperands: Readonly<Record<BinaryFn, boolean>> = {
  add: false,
  sub: false,
  mul: true,
  div: true,
  maximum: true,
  minimum: true,
  pow: true,
};

function binary(fn: BinaryFn, a: Tensor, second: Tensor | number): Tensor {
  const b = asOperand(a, second);
  const k = kernelsFor(fn, a, b);
  sameDtype(fn, a, b);
  broadcastShapes(fn, a.shape, b.shape);
  const y = like(a, k.binary(fn, a, b));
  if (isTracked([a, b])) {
    const saved = savesOperands[fn] ? [a, b, y] : [];
    record(fn, [y], [a, b], saved, ([gy], needs) => {
      const [ga, gb] = binaryVjps[fn](gy as Tensor, a, b, y);
      return [needs[0] ? unbroadcast(ga(), a.shape) : null, needs[1] ? unbroadcast(gb(), b.shape) : null];
    });
  }
  return y;
}

/**
 * a + b with NumPy broadcasting; b may be a number.
 *
 * @throws TensorError `shape`, `dtype`
 *
 * @example
 * ```ts
 * import { add, tensor } from '@tessera-llm/tensor';
 * console.log(await add(tensor([[1], [2]]), tensor([10, 20])).data()); // [11, 21, 12, 22]
 * ```
 */
export const add = (a: Tensor, b: Tensor | number): Tensor => binary('add', a, b);
/** a - b with broadcasting. */
export const sub = (a: Tensor, b: Tensor | number): Tensor => binary('sub', a, b);
/** a b, elementwise, with broadcasting. */
export const mul = (a: Tensor, b: Tensor | number): Tensor => binary('mul', a, b);
/** a / b with broadcasting. */
export const div = (a: Tensor, b: Tensor | number): Tensor => binary('div', a, b);
/** The larger of a and b; equal values share the gradient. */
export const maximum = (a: Tensor, b: Tensor | number): Tensor => binary('maximum', a, b);
/** The smaller of a and b; equal values share the gradient. */
export const minimum = (a: Tensor, b: Tensor | number): Tensor => binary('minimum', a, b);
/** a^b with broadcasting. */
export const pow = (a: Tensor, b: Tensor | number): Tensor => binary('pow', a, b);

function compare(fn: CompareFn, a: Tensor, second: Tensor | number): Tensor<'bool'> {
  const b = asOperand(a, second);
  const k = kernelsFor(fn, a, b);
  sameDtype(fn, a, b);
  broadcastShapes(fn, a.shape, b.shape);
  return like(a, k.compare(fn, a, b)) as Tensor<'bool'>;
}

/** a = b, as bool. */
export const equal = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('eq', a, b);
/** a ≠ b, as bool. */
export const notEqual = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('ne', a, b);
/** a < b, as bool. */
export const less = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('lt', a, b);
/** a <= b, as bool. */
export const lessEqual = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('le', a, b);
/** a > b, as bool. */
export const greater = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('gt', a, b);
/** a >= b, as bool. */
export const greaterEqual = (a: Tensor, b: Tensor | number): Tensor<'bool'> => compare('ge', a, b);
/** True where x is NaN. */
export const isNan = (x: Tensor): Tensor<'bool'> => like(x, kernelsFor('isNan', x).isNan(x)) as Tensor<'bool'>;
/** True where x is neither NaN nor infinite. */
export const isFinite = (x: Tensor): Tensor<'bool'> => like(x, kernelsFor('isFinite', x).isFinite(x)) as Tensor<'bool'>;

/** Both, of two bool tensors. */
export function logicalAnd(a: Tensor, b: Tensor): Tensor<'bool'> {
  wantDtype('logicalAnd', a, 'a', 'bool');
  wantDtype('logicalAnd', b, 'b', 'bool');
  return like(a, kernelsFor('logicalAnd', a, b).binary('minimum', a, b)) as Tensor<'bool'>;
}

/** Either, of two bool tensors. */
export function logicalOr(a: Tensor, b: Tensor): Tensor<'bool'> {
  wantDtype('logicalOr', a, 'a', 'bool');
  wantDtype('logicalOr', b, 'b', 'bool');
  return like(a, kernelsFor('logicalOr', a, b).binary('maximum', a, b)) as Tensor<'bool'>;
}

/** The opposite of a bool tensor. */
export function logicalNot(a: Tensor): Tensor<'bool'> {
  wantDtype('logicalNot', a, 'a', 'bool');
  return equal(a, 0);
}

/**
 * a where the condition holds, else b; all three broadcast. At least one of a and b is a tensor.
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

/** x with `value` where the bool mask (which broadcasts to x) is true. */
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
