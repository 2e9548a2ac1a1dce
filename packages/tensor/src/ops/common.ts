import type { Kernels, NDArray } from '../backend/contract';
import { type DType, isFloat } from '../dtype';
import { TensorError } from '../errors';
import { sameShape, showShape } from '../shape';
import { kernelsOf } from '../state';
import { type Tensor, isTensor, viewOf, wrap } from '../tensor';
import { full } from '../create';

/** The kernels of the one backend that all these tensors live on. */
export function kernelsFor(op: string, ...xs: readonly Tensor[]): Kernels {
  const first = xs[0];
  if (!isTensor(first)) throw new TensorError('value', `[${op}] expected a Tensor, got ${typeof first}`);
  for (const x of xs) {
    if (!isTensor(x)) throw new TensorError('value', `[${op}] expected a Tensor, got ${typeof x}`);
    if (x.backend !== first.backend) {
      throw new TensorError(
        'backend',
        `[${op}] expected tensors of one backend, got ${first.backend.name} and ${x.backend.name}; ` +
          'make them on the same backend, or carry one over with fromBytes(await x.bytes(), …)',
      );
    }
  }
  return kernelsOf(first.backend);
}

/** A kernel's result as a tensor on the backend of x. */
export function like<D extends DType>(x: Tensor, array: NDArray<D>): Tensor<D> {
  return wrap(x.backend, array);
}

/** Throws unless the dtypes are equal. */
export function sameDtype(op: string, a: Tensor, b: Tensor): void {
  if (a.dtype !== b.dtype) {
    throw new TensorError(
      'dtype',
      `[${op}] expected operands of one dtype, got ${a.dtype} and ${b.dtype}; convert one with cast()`,
    );
  }
}

/** Throws unless x holds floats. */
export function wantFloat(op: string, x: Tensor, name = 'x'): void {
  if (!isFloat(x.dtype)) {
    throw new TensorError('dtype', `[${op}] expected ${name} of a float dtype, got ${x.dtype}`);
  }
}

/** Throws unless x has the dtype. */
export function wantDtype(op: string, x: Tensor, name: string, dtype: DType): void {
  if (x.dtype !== dtype) {
    throw new TensorError('dtype', `[${op}] expected ${name} of dtype ${dtype}, got ${x.dtype}`);
  }
}

/** Throws unless x has the shape; null stands for any extent. */
export function wantShape(op: string, x: Tensor, name: string, shape: readonly (number | null)[]): void {
  const fits = x.rank === shape.length && shape.every((n, i) => n === null || n === x.shape[i]);
  if (!fits) {
    const wanted = shape.map((n) => n ?? '…').join(', ');
    throw new TensorError('shape', `[${op}] expected ${name} of shape (${wanted}), got ${showShape(x.shape)}`);
  }
}

/** A number as a scalar tensor with x's dtype and backend; tensors pass through. */
export function asOperand(x: Tensor, value: Tensor | number): Tensor {
  return typeof value === 'number' ? full([], value, { dtype: x.dtype, backend: x.backend }) : value;
}

/** Sums a gradient over the axes along which an operand was broadcast. */
export function unbroadcast(g: Tensor, shape: readonly number[]): Tensor {
  if (sameShape(g.shape, shape)) return g;
  const lead = g.rank - shape.length;
  const axes: number[] = [];
  for (let i = 0; i < g.rank; i++) {
    if (i < lead || (shape[i - lead] === 1 && g.shape[i] !== 1)) axes.push(i);
  }
  const summed = axes.length === 0 ? g : like(g, kernelsOf(g.backend).reduce('sum', g, axes));
  return viewOf(summed, shape);
}
