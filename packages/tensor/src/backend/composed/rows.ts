import type { NDArray } from '../contract';
import type { Steps } from './steps';

/** Largest value of each row with -Infinity as 0, so that x - largest is defined, and the sum of e^(x - largest). */
function rowSum(s: Steps, x: NDArray): { largest: NDArray; powers: NDArray; sum: NDArray } {
  const largest = s.replace(s.reduceLast('max', x), Number.NEGATIVE_INFINITY, 0);
  const powers = s.unary('exp', s.sub(x, largest));
  return { largest, powers, sum: s.reduceLast('sum', powers) };
}

/** Softmax over the last axis; a row of -Infinity gives zeros. */
export function softmax(s: Steps, x: NDArray): NDArray {
  const { powers, sum } = rowSum(s, s.cast(x, 'float32'));
  return s.cast(s.div(powers, s.replace(sum, 0, 1)), x.dtype);
}

export function softmaxGrad(s: Steps, y: NDArray, gy: NDArray): NDArray {
  const [p, g] = [s.cast(y, 'float32'), s.cast(gy, 'float32')];
  const dot = s.reduceLast('sum', s.mul(p, g));
  return s.cast(s.mul(p, s.sub(g, dot)), y.dtype);
}

/** x - logSumExp(x) over the last axis; a row of -Infinity stays so. */
export function logSoftmax(s: Steps, x: NDArray): NDArray {
  const wide = s.cast(x, 'float32');
  const { largest, sum } = rowSum(s, wide);
  // A row of -Infinity has sum 0: the 1 keeps -Infinity - log(sum) from being NaN.
  const shift = s.unary('log', s.replace(sum, 0, 1));
  return s.cast(s.sub(s.sub(wide, largest), shift), x.dtype);
}

export function logSoftmaxGrad(s: Steps, y: NDArray, gy: NDArray): NDArray {
  const g = s.cast(gy, 'float32');
  const p = s.unary('exp', s.cast(y, 'float32'));
  return s.cast(s.sub(g, s.mul(p, s.reduceLast('sum', g))), y.dtype);
}

/** log Σ e^x over the last axis, which is removed. */
export function logSumExp(s: Steps, x: NDArray): NDArray {
  const wide = s.cast(x, 'float32');
  const largest = s.reduceLast('max', wide);
  // Infinity as 0 too: a row that reaches it sums to it. Softmax, log-softmax and losses of such a row are NaN.
  const shift = s.replace(s.replace(largest, Number.NEGATIVE_INFINITY, 0), Number.POSITIVE_INFINITY, 0);
  const sum = s.reduceLast('sum', s.unary('exp', s.sub(wide, shift)));
  return s.cast(s.view(s.add(shift, s.unary('log', sum)), x.shape.slice(0, -1)), x.dtype);
}

/** Sum of each row divided by its length, (N, 1). */
function rowMean(s: Steps, x: NDArray): NDArray {
  return s.div(s.reduceLast('sum', x), x.shape[1] as number);
}

export function layerNorm(
  s: Steps,
  x: NDArray,
  weight: NDArray | null,
  bias: NDArray | null,
  eps: number,
): { y: NDArray; mean: NDArray; rstd: NDArray } {
  const rows = [x.shape[0] as number];
  const wide = s.cast(x, 'float32');
  const mean = rowMean(s, wide);
  const centred = s.sub(wide, mean);
  const rstd = s.unary('rsqrt', s.add(rowMean(s, s.unary('square', centred)), eps));
  let y = s.mul(centred, rstd);
  if (weight !== null) y = s.mul(y, s.cast(weight, 'float32'));
  if (bias !== null) y = s.add(y, s.cast(bias, 'float32'));
  return { y: s.cast(y, x.dtype), mean: s.view(mean, rows), rstd: s.view(rstd, rows) };
}

export function layerNormGrad(
  s: Steps,
  ...args: readonly [
    x: NDArray,
    weight: NDArray | null,
    mean: NDArray,
    rstd: NDArray,
    gy: NDArray,
    wants: { weight: boolean; bias: boolean },
  ]
): { gx: NDArray; gweight: NDArray | null; gbias: NDArray | null } {
  const [x, weight, mean, rstd, gy, wants] = args;
  const column = [x.shape[0] as number, 1];
  const g = s.cast(gy, 'float32');
  const scale = s.view(rstd, column);
  const unit = s.mul(s.sub(s.cast(x, 'float32'), s.view(mean, column)), scale);
  const d = weight === null ? g : s.mul(g, s.cast(weight, 'float32'));
  const along = s.mul(unit, rowMean(s, s.mul(d, unit)));
  const gx = s.mul(scale, s.sub(s.sub(d, rowMean(s, d)), along));
  return {
    gx: s.cast(gx, x.dtype),
    gweight: wants.weight ? s.sumFirst(s.mul(g, unit)) : null,
    gbias: wants.bias ? s.sumFirst(g) : null,
  };
}

export function rmsNorm(
  s: Steps,
  x: NDArray,
  weight: NDArray | null,
  eps: number,
  offset: number,
): { y: NDArray; rstd: NDArray } {
  const wide = s.cast(x, 'float32');
  const rstd = s.unary('rsqrt', s.add(rowMean(s, s.unary('square', wide)), eps));
  let y = s.mul(wide, rstd);
  if (weight !== null) y = s.mul(y, s.add(s.cast(weight, 'float32'), offset));
  return { y: s.cast(y, x.dtype), rstd: s.view(rstd, [x.shape[0] as number]) };
}

export function rmsNormGrad(
  s: Steps,
  ...args: readonly [
    x: NDArray,
    weight: NDArray | null,
    rstd: NDArray,
    gy: NDArray,
    offset: number,
    wantsWeight: boolean,
  ]
): { gx: NDArray; gweight: NDArray | null } {
  const [x, weight, rstd, gy, offset, wantsWeight] = args;
  const g = s.cast(gy, 'float32');
  const scale = s.view(rstd, [x.shape[0] as number, 1]);
  const unit = s.mul(s.cast(x, 'float32'), scale);
  const d = weight === null ? g : s.mul(g, s.add(s.cast(weight, 'float32'), offset));
  const gx = s.mul(scale, s.sub(d, s.mul(unit, rowMean(s, s.mul(d, unit)))));
  return { gx: s.cast(gx, x.dtype), gweight: wantsWeight ? s.sumFirst(s.mul(g, unit)) : null };
}
