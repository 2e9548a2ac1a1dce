import type { BinaryFn } from '../backend/contract';
import { isTracked, record } from '../tape';
import { broadcastShapes } from '../shape';
import type { Tensor } from '../tensor';
import { asOperand, kernelsFor, like, sameDtype, unbroadcast } from './common';
import { equal, greater, less } from './compare';
import { where } from './select';
import { log, neg } from './unary';

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
 * a + b with NumPy broadcasting, in the dtype that both have; b may be a number, which is converted to it. Sums of
 * int32 and uint8 wrap.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { add, tensor } from '@tessera-llm/tensor';
 * console.log(await add(tensor([[1], [2]]), tensor([10, 20])).data()); // [11, 21, 12, 22]
 * ```
 */
export const add = (a: Tensor, b: Tensor | number): Tensor => binary('add', a, b);

/**
 * a - b with broadcasting; dtypes and numbers as in `add`.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { sub, tensor } from '@tessera-llm/tensor';
 * console.log(await sub(tensor([5, 7]), 2).data()); // [3, 5]
 * ```
 */
export const sub = (a: Tensor, b: Tensor | number): Tensor => binary('sub', a, b);

/**
 * a b of each pair of elements, with broadcasting; dtypes and numbers as in `add`. For products of matrices see
 * `matmul`.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { mul, tensor } from '@tessera-llm/tensor';
 * console.log(await mul(tensor([[1], [2]]), tensor([3, 4])).data()); // [3, 4, 6, 8]
 * ```
 */
export const mul = (a: Tensor, b: Tensor | number): Tensor => binary('mul', a, b);

/**
 * a / b with broadcasting; dtypes and numbers as in `add`. Of int32 and uint8 it is rounded toward 0, and 0 where b
 * is 0.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { div, tensor } from '@tessera-llm/tensor';
 * console.log(await div(tensor([1, -6]), 4).data()); // [0.25, -1.5]
 * ```
 */
export const div = (a: Tensor, b: Tensor | number): Tensor => binary('div', a, b);

/**
 * The larger of a and b, with broadcasting; dtypes and numbers as in `add`. NaN where either is. Equal values share the
 * gradient, half each, as in PyTorch.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { maximum, tensor } from '@tessera-llm/tensor';
 * console.log(await maximum(tensor([1, 5]), 3).data()); // [3, 5]
 * ```
 */
export const maximum = (a: Tensor, b: Tensor | number): Tensor => binary('maximum', a, b);

/**
 * The smaller of a and b, with broadcasting; dtypes and numbers as in `add`. NaN where either is. Equal values share
 * the gradient, half each, as in PyTorch.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { minimum, tensor } from '@tessera-llm/tensor';
 * console.log(await minimum(tensor([1, 5]), 3).data()); // [1, 3]
 * ```
 */
export const minimum = (a: Tensor, b: Tensor | number): Tensor => binary('minimum', a, b);

/**
 * a^b with broadcasting; dtypes and numbers as in `add`. The gradient of b is 0 where a is 0.
 *
 * @throws TensorError `shape` unless the shapes broadcast, `dtype` unless both have one dtype.
 *
 * @example
 * ```ts
 * import { pow, tensor } from '@tessera-llm/tensor';
 * console.log(await pow(tensor([2, 9]), tensor([3, 0.5])).data()); // [8, 3]
 * ```
 */
export const pow = (a: Tensor, b: Tensor | number): Tensor => binary('pow', a, b);
