/** Sine and cosine of an eighth of a turn. */
const half = Math.SQRT1_2;
const ln2 = Math.LN2;
const step = 2 * Math.PI * 2 ** -24;

/**
 * @internal Two standard normal numbers of two random words, by Box-Muller: r = √(-2 ln u), u = ((w >>> 8) + 1) 2^-24
 * in (0, 1], angle 2π (w' >>> 8) 2^-24; out[at] is r cos and out[at + 1] r sin.
 *
 * Math.log and Math.sin may differ in the last bit from engine to engine. Here whole numbers are reduced exactly and
 * the rest are products and sums, the same as in the native kernel: every backend and machine gets the same bits.
 */
export function normalsInto(out: Float64Array, at: number, w0: number, w1: number): void {
  const radius = Math.sqrt(-2 * logUnit((w0 >>> 8) + 1));
  const j = w1 >>> 8;
  // The nearest eighth of a turn, and what is left of the angle, at most π/8 either way.
  const eighth = (j + 2 ** 20) >>> 21;
  const x = (j - eighth * 2 ** 21) * step;
  const t = x * x;
  // Taylor's series; what is left out is below 1e-15.
  let s = -1 / 39916800;
  s = s * t + 1 / 362880;
  s = s * t - 1 / 5040;
  s = s * t + 1 / 120;
  s = s * t - 1 / 6;
  s = s * t + 1;
  s = s * x;
  let c = 1 / 479001600;
  c = c * t - 1 / 3628800;
  c = c * t + 1 / 40320;
  c = c * t - 1 / 720;
  c = c * t + 1 / 24;
  c = c * t - 0.5;
  c = c * t + 1;
  if ((eighth & 1) !== 0) [c, s] = [(c - s) * half, (c + s) * half];
  const quarter = (eighth >>> 1) & 3;
  const [cos, sin] = quarter === 0 ? [c, s] : quarter === 1 ? [-s, c] : quarter === 2 ? [-c, -s] : [s, -c];
  out[at] = radius * (cos as number);
  out[at + 1] = radius * (sin as number);
}

/** ln(k 2^-24) for whole k from 1 to 2^24. */
function logUnit(k: number): number {
  const top = 31 - Math.clz32(k);
  let m = k / 2 ** top;
  let e = top - 24;
  if (m > Math.SQRT2) {
    m *= 0.5;
    e += 1;
  }
  // ln m = 2 artanh s, |s| < 0.172.
  const s = (m - 1) / (m + 1);
  const t = s * s;
  let sum = 1 / 21;
  for (let n = 19; n >= 1; n -= 2) sum = sum * t + 1 / n;
  return e * ln2 + 2 * s * sum;
}
