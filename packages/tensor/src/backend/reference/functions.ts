/** Chebyshev coefficients of log(erfc(x) e^(x²) / t) on t = 2 / (2 + x) in (0, 0.8]; error below 1e-9. */
const erfcSeries = [
  -1.566374145448135, 0.50589479331735425, 0.020165332295690752, -0.0041507842704798234, -0.00069293930331057613,
  8.0613044472285985e-5, 2.5850999523776198e-5, -2.453241376903157e-6, -1.0665628807869134e-6, 1.0956135138683935e-7,
  4.6182842355684922e-8, -6.305087823086038e-9, -1.9633385292877868e-9, 3.9794938223121443e-10,
] as const;

/** 1 - erf(x) for x >= 0.5, without cancellation. */
function erfcTail(x: number): number {
  const t = 2 / (2 + x);
  const y = 5 * t - 2; // 2 · (2t - 0.8) / 0.8
  let [d, dd] = [0, 0];
  for (let j = erfcSeries.length - 1; j > 0; j--) {
    const next = y * d - dd + (erfcSeries[j] as number);
    dd = d;
    d = next;
  }
  return t * Math.exp(-x * x + 0.5 * (y * d + erfcSeries[0]) - dd);
}

/** The error function near 0: its Taylor series, ten terms (next term below 1e-12 at 0.5). */
function erfNear(x: number): number {
  const s = -x * x;
  let term = x;
  let sum = x;
  for (let n = 1; n < 10; n++) {
    term *= s / n;
    sum += term / (2 * n + 1);
  }
  return sum * 1.1283791670955126; // 2 / √π
}

/** The error function. */
export function erf(x: number): number {
  const a = Math.abs(x);
  if (a < 0.5) return erfNear(x);
  const value = 1 - erfcTail(a);
  return x < 0 ? -value : value;
}

/** The standard normal distribution function, accurate in both tails. */
export function normalCdf(x: number): number {
  const z = x * Math.SQRT1_2;
  if (Math.abs(z) < 0.5) return 0.5 + 0.5 * erfNear(z);
  return z < 0 ? 0.5 * erfcTail(-z) : 1 - 0.5 * erfcTail(z);
}

/** 1 / (1 + e^-x), without overflow. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x));
  const e = Math.exp(x);
  return e / (1 + e);
}

/** log(1 + e^x), without overflow. */
export function softplus(x: number): number {
  return x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x));
}

/** √(2/π), the scale of the tanh form of GELU. */
export const geluScale = 0.7978845608028654;

/** x Φ(x) for x of either sign; -∞ gives 0. */
export function geluErf(x: number): number {
  const p = normalCdf(x);
  return p === 0 ? 0 : x * p;
}

/** x/2 · (1 + tanh(√(2/π) (x + 0.044715 x³))), written as x σ(2u) so that the left tail does not cancel. */
export function geluTanh(x: number): number {
  const p = sigmoid(2 * geluScale * (x + 0.044715 * x * x * x));
  return p === 0 ? 0 : x * p;
}

/** Rounds to nearest, ties to even. */
export function roundEven(x: number): number {
  const r = Math.round(x);
  return r - x === 0.5 && r % 2 !== 0 ? r - 1 : r;
}
