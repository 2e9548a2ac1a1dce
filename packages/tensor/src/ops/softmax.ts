import { record } from '../tape';
import type { Tensor } from '../tensor';
import { mul } from './binary';
import { axisOf, kernelsFor, like, wantFloat } from './common';
import { permute } from './shape';
import { unsqueeze } from './view';

function withLastAxis(op: string, x: Tensor, dim: number, fn: (last: Tensor) => Tensor): Tensor {
  wantFloat(op, x);
  const axis = axisOf(op, x, dim);
  if (axis === x.rank - 1) return fn(x);
  const order = x.shape.map((_, i) => (i === axis ? x.rank - 1 : i === x.rank - 1 ? axis : i));
  return permute(fn(permute(x, order)), order);
}

/**
 * e^x / Σ e^x along an axis, shifted by the maximum, in x's float dtype. A row of only -Infinity gives zeros.
 *
 * @param options.dim Default the last.
 * @throws TensorError `dtype` unless x holds floats, `axis`.
 *
 * @example
 * ```ts
 * import { softmax, tensor } from '@tessera-llm/tensor';
 * console.log(await softmax(tensor([0, 0])).data()); // [0.5, 0.5]
 * ```
 */
export function softmax(x: Tensor, options: { readonly dim?: number } = {}): Tensor {
  return withLastAxis('softmax', x, options.dim ?? -1, (last) => {
    const y = like(last, kernelsFor('softmax', last).softmax(last));
    record('softmax', [y], [last], [y], ([gy]) => [like(y, kernelsFor('softmax', y).softmaxGrad(y, gy as Tensor))]);
    return y;
  });
}

/**
 * x - logSumExp(x) along an axis, in x's float dtype. A row of only -Infinity stays so.
 *
 * @param options.dim Default the last.
 * @throws TensorError `dtype` unless x holds floats, `axis`.
 *
 * @example
 * ```ts
 * import { logSoftmax, tensor } from '@tessera-llm/tensor';
 * console.log(await logSoftmax(tensor([0, 0])).data()); // [-0.693…, -0.693…]
 * ```
 */
export function logSoftmax(x: Tensor, options: { readonly dim?: number } = {}): Tensor {
  return withLastAxis('logSoftmax', x, options.dim ?? -1, (last) => {
    const y = like(last, kernelsFor('logSoftmax', last).logSoftmax(last));
    record('logSoftmax', [y], [last], [y], ([gy]) => [
      like(y, kernelsFor('logSoftmax', y).logSoftmaxGrad(y, gy as Tensor)),
    ]);
    return y;
  });
}

/**
 * log Σ e^x along an axis, without overflow, in x's float dtype; Infinity where x reaches it, -Infinity for an empty
 * axis.
 *
 * @param options.dim Default the last.
 * @param options.keepdim Keeps the axis with extent 1; default false.
 * @throws TensorError `dtype` unless x holds floats, `axis`.
 *
 * @example
 * ```ts
 * import { logSumExp, tensor } from '@tessera-llm/tensor';
 * console.log(await logSumExp(tensor([[0, 0], [1000, -1000]])).data()); // [0.693…, 1000]
 * ```
 */
export function logSumExp(x: Tensor, options: { readonly dim?: number; readonly keepdim?: boolean } = {}): Tensor {
  wantFloat('logSumExp', x);
  const axis = axisOf('logSumExp', x, options.dim ?? -1);
  const order = x.shape.map((_, i) => i).filter((i) => i !== axis);
  const last = axis === x.rank - 1 ? x : permute(x, [...order, axis]);
  const k = kernelsFor('logSumExp', last);
  const y = like(last, k.logSumExp(last));
  record('logSumExp', [y], [last], [last], ([gy]) => [
    mul(unsqueeze(gy as Tensor, -1), like(last, kernelsFor('softmax', last).softmax(last))),
  ]);
  return options.keepdim ? unsqueeze(y, axis) : y;
}
