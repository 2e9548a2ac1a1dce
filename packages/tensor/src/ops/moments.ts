import { noGrad, record } from '../tape';
import { TensorError } from '../errors';
import { sizeOf } from '../shape';
import { type Tensor, viewOf } from '../tensor';
import { div, mul, pow, sub } from './binary';
import { cast } from './cast';
import { axesOf, kernelsFor, like, wantFloat } from './common';
import { equal, less } from './compare';
import { keptShape, max, type ReduceOptions, sum } from './reduce';
import { where } from './select';
import { abs, neg, sqrt, square } from './unary';

/**
 * fn of x in float32, rounded once at the end: a sum of 16-bit floats, or of their squares, overflows where its mean or
 * root does not.
 */
function widely(x: Tensor, fn: (wide: Tensor) => Tensor): Tensor {
  return x.dtype === 'float32' ? fn(x) : cast(fn(cast(x, 'float32')), x.dtype);
}

function lengthOf(op: string, x: Tensor, options: ReduceOptions): number {
  return sizeOf(axesOf(op, x, options.dims).map((a) => x.shape[a] as number));
}

/**
 * Mean over axes, in x's float dtype, summed in float32. Over no elements it is NaN.
 *
 * @throws TensorError `dtype` unless x holds floats, `axis`.
 *
 * @example
 * ```ts
 * import { mean, tensor } from '@tessera-llm/tensor';
 * console.log(await mean(tensor([[1, 2], [3, 6]]), { dims: 1 }).data()); // [1.5, 4.5]
 * ```
 */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  wantFloat('mean', x);
  const n = lengthOf('mean', x, options);
  return widely(x, (wide) => mul(sum(wide, options), 1 / n));
}

/**
 * Variance over n elements: Σ (x - mean)² / (n - correction), in x's float dtype, computed in float32.
 *
 * @param options.correction Default 1 (Bessel's), as in PyTorch; 0 divides by n. Where n is not above it, there is NaN
 *   or Infinity.
 * @throws TensorError `dtype` unless x holds floats, `axis`.
 *
 * @example
 * ```ts
 * import { tensor, variance } from '@tessera-llm/tensor';
 * const x = tensor([1, 2, 3]);
 * console.log(await variance(x).item(), await variance(x, { correction: 0 }).item()); // 1 0.666…
 * ```
 */
export function variance(x: Tensor, options: ReduceOptions & { readonly correction?: number } = {}): Tensor {
  wantFloat('variance', x);
  const n = lengthOf('variance', x, options);
  const { dims = null } = options;
  return widely(x, (wide) => {
    const centred = sub(wide, mean(wide, { dims, keepdim: true }));
    return mul(sum(square(centred), options), 1 / Math.max(0, n - (options.correction ?? 1)));
  });
}

/**
 * Standard deviation, √`variance`, over axes.
 *
 * @throws TensorError `dtype` unless x holds floats, `axis`.
 *
 * @example
 * ```ts
 * import { std, tensor } from '@tessera-llm/tensor';
 * console.log(await std(tensor([[1, 2, 3], [2, 4, 6]]), { dims: 1 }).data()); // [1, 2]
 * ```
 */
export function std(x: Tensor, options: ReduceOptions & { readonly correction?: number } = {}): Tensor {
  wantFloat('std', x);
  return widely(x, (wide) => sqrt(variance(wide, options)));
}

/**
 * (Σ |x|^p)^(1/p) over axes, in x's float dtype, computed in float32. The gradient of a norm of 0 is 0.
 *
 * @param options.p Default 2; Infinity gives the largest |x|.
 * @throws TensorError `value` unless p > 0; `dtype`, `axis`; `shape` for the largest of none.
 *
 * @example
 * ```ts
 * import { norm, tensor } from '@tessera-llm/tensor';
 * const x = tensor([3, -4]);
 * console.log(await norm(x).item(), await norm(x, { p: 1 }).item(), await norm(x, { p: Infinity }).item()); // 5 7 4
 * ```
 */
export function norm(x: Tensor, options: ReduceOptions & { readonly p?: number } = {}): Tensor {
  const { p = 2 } = options;
  if (!(p > 0)) throw new TensorError('value', `[norm] expected p > 0, got ${p}`);
  if (p === Number.POSITIVE_INFINITY) return max(abs(x), options);
  if (p === 1) return sum(abs(x), options);
  wantFloat('norm', x);
  return widely(x, (wide) => powerNorm(wide, p, options));
}

function powerNorm(x: Tensor, p: number, options: ReduceOptions): Tensor {
  const axes = axesOf('norm', x, options.dims);
  const kept = keptShape(x.shape, axes);
  const y = noGrad(() => {
    const powers = p === 2 ? square(x) : pow(abs(x), p);
    const total = like(x, kernelsFor('norm', x).reduce('sum', powers, axes));
    return p === 2 ? sqrt(total) : pow(total, 1 / p);
  });
  const out = options.keepdim ? viewOf(y, kept) : y;
  record('norm', [out], [x], [x, out], ([gy]) => {
    const length = viewOf(out, kept);
    // The norm has no gradient at 0; 0 is its subgradient of least length.
    const unit = div(x, where(equal(length, 0), 1, length));
    return [mul(viewOf(gy as Tensor, kept), p === 2 ? unit : signedPower(unit, p - 1))];
  });
  return out;
}

/** sign(x) |x|^e, and 0 at 0 also where e is negative. */
function signedPower(x: Tensor, e: number): Tensor {
  const isZero = equal(x, 0);
  const size = pow(where(isZero, 1, abs(x)), e);
  return where(isZero, 0, where(less(x, 0), neg(size), size));
}
