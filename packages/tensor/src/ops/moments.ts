import { noGrad, record } from '../tape';
import { TensorError } from '../errors';
import { sizeOf } from '../shape';
import { type Tensor, viewOf } from '../tensor';
import { axesOf, kernelsFor, like, wantFloat } from './common';
import { abs, div, equal, less, mul, neg, pow, sqrt, square, sub, where } from './elementwise';
import { cast } from './indexing';
import { keptShape, max, type ReduceOptions, sum } from './reduce';

/**
 * fn of x in float32, rounded once at the end: a sum of 16-bit floats, or of their squares, overflows where its mean or root
 * does not.
 */
function widely(x: Tensor, fn: (wide: Tensor) => Tensor): Tensor {
  return x.dtype === 'float32' ? fn(x) : cast(fn(cast(x, 'float32')), x.dtype);
}

function lengthOf(op: string, x: Tensor, options: ReduceOptions): number {
  return sizeOf(axesOf(op, x, options.dims).map((a) => x.shape[a] as number));
}

/** Mean over axes. */
export function mean(x: Tensor, options: ReduceOptions = {}): Tensor {
  wantFloat('mean', x);
  const n = lengthOf('mean', x, options);
  return widely(x, (wide) => mul(sum(wide, options), 1 / n));
}

/** Variance over axes, dividing by n - correction (default 1, as in PyTorch). */
export function variance(x: Tensor, options: ReduceOptions & { readonly correction?: number } = {}): Tensor {
  wantFloat('variance', x);
  const n = lengthOf('variance', x, options);
  const { dims = null } = options;
  return widely(x, (wide) => {
    const centred = sub(wide, mean(wide, { dims, keepdim: true }));
    return mul(sum(square(centred), options), 1 / Math.max(0, n - (options.correction ?? 1)));
  });
}

/** Standard deviation: √variance. */
export function std(x: Tensor, options: ReduceOptions & { readonly correction?: number } = {}): Tensor {
  wantFloat('std', x);
  return widely(x, (wide) => sqrt(variance(wide, options)));
}

/** (Σ |x|^p)^(1/p) over axes; default p = 2; Infinity gives the largest |x|. */
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
