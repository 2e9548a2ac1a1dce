import type { Compute, GateFn, Kernels, NDArray } from '../backend/contract';
import { type DType, isFloat } from '../dtype';
import { TensorError } from '../errors';
import { normalizeAxes, normalizeAxis, sameShape, showShape } from '../shape';
import { kernelsOf } from '../state';
import { type Tensor, kindOf, viewOf, wantTensor, wrap } from '../tensor';
import { full } from '../create-filled';

/** The kernels of the one backend that all these tensors live on. */
export function kernelsFor(op: string, ...xs: readonly Tensor[]): Kernels {
  const first = xs[0];
  wantTensor(op, first);
  for (const x of xs) {
    wantTensor(op, x);
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

/** The tensors of a list, of which the first has what all share. */
export function firstOf(op: string, xs: readonly Tensor[]): Tensor {
  if (!Array.isArray(xs) || xs.length === 0) {
    const got = Array.isArray(xs) ? 'none' : kindOf(xs);
    throw new TensorError('value', `[${op}] expected a list of at least one tensor, got ${got}`);
  }
  for (const x of xs) wantTensor(op, x);
  return xs[0] as Tensor;
}

/** An axis of x, counted from the front; negative ones count from the end. */
export function axisOf(op: string, x: Tensor, axis: number): number {
  wantTensor(op, x);
  return normalizeAxis(op, axis, x.rank);
}

/** Axes of x, counted from the front, ascending; null or undefined means all. */
export function axesOf(op: string, x: Tensor, axes: number | readonly number[] | null | undefined): number[] {
  wantTensor(op, x);
  return normalizeAxes(op, axes, x.rank);
}

/** A kernel's result as a tensor on the backend of x. */
export function like<D extends DType>(x: Tensor, array: NDArray<D>): Tensor<D> {
  return wrap(x.backend, array);
}

/** Throws unless the dtypes are equal. */
export function sameDtype(op: string, a: Tensor, b: Tensor): void {
  wantTensor(op, a);
  wantTensor(op, b);
  if (a.dtype !== b.dtype) {
    throw new TensorError(
      'dtype',
      `[${op}] expected operands of one dtype, got ${a.dtype} and ${b.dtype}; convert one with cast()`,
    );
  }
}

/** Throws unless x holds floats. */
export function wantFloat(op: string, x: Tensor, name = 'x'): void {
  wantTensor(op, x, name);
  if (!isFloat(x.dtype)) {
    throw new TensorError('dtype', `[${op}] expected ${name} of a float dtype, got ${x.dtype}`);
  }
}

/** Throws unless x has the dtype. */
export function wantDtype(op: string, x: Tensor, name: string, dtype: DType): void {
  wantTensor(op, x, name);
  if (x.dtype !== dtype) {
    throw new TensorError('dtype', `[${op}] expected ${name} of dtype ${dtype}, got ${x.dtype}`);
  }
}

/** Throws unless x lists ids, which code without types may not know. */
export function wantIds(op: string, name: string, x: unknown): asserts x is Int32Array {
  if (x instanceof Int32Array) return;
  throw new TensorError(
    'value',
    `[${op}] expected ${name} as an Int32Array, got ${kindOf(x)}; Int32Array.from() makes one`,
  );
}

/** Throws unless x has the shape; null stands for any extent. */
export function wantShape(op: string, x: Tensor, name: string, shape: readonly (number | null)[]): void {
  wantTensor(op, x, name);
  const fits = x.rank === shape.length && shape.every((n, i) => n === null || n === x.shape[i]);
  if (!fits) {
    const wanted = shape.map((n) => n ?? '…').join(', ');
    throw new TensorError('shape', `[${op}] expected ${name} of shape (${wanted}), got ${showShape(x.shape)}`);
  }
}

/** A vector of floats of the given length, as weights of norms and biases are. */
export function wantVector(op: string, x: Tensor, name: string, length: number): void {
  wantFloat(op, x, name);
  wantShape(op, x, name, [length]);
}

/** Throws unless `value` is one of the names that an option may have. */
export function wantOneOf(op: string, name: string, value: string, known: readonly string[]): void {
  if (known.includes(value)) return;
  throw new TensorError('value', `[${op}] expected ${name} to be one of ${known.join(', ')}, got ${String(value)}`);
}

const computes: readonly Compute[] = ['float32', 'bfloat16'];

/** Throws unless `compute` is a precision of products. */
export function wantCompute(op: string, compute: Compute): void {
  wantOneOf(op, 'compute', compute, computes);
}

const gates: { readonly [F in GateFn]: true } = {
  geluErf: true,
  geluTanh: true,
  identity: true,
  quickGelu: true,
  relu: true,
  relu2: true,
  sigmoid: true,
  silu: true,
};

/** Throws unless `activation` is one of gated feed-forwards. */
export function wantGate(op: string, activation: GateFn): void {
  if (!Object.hasOwn(gates, activation)) wantOneOf(op, 'activation', activation, Object.keys(gates));
}

/** Throws unless scores can be capped so: c · tanh(x / c). */
export function wantSoftcap(op: string, softcap: number | null): void {
  if (softcap === null || (softcap > 0 && softcap < Number.POSITIVE_INFINITY)) return;
  throw new TensorError('value', `[${op}] expected a finite softcap > 0, or null for none, got ${softcap}`);
}

/** Throws unless `scale` is a factor that leaves finite values finite. */
export function wantScale(op: string, scale: number): void {
  if (!Number.isFinite(scale)) throw new TensorError('value', `[${op}] expected a finite scale, got ${scale}`);
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
