/** ln 2 in two parts: whole numbers up to 2^11 times the first are exact. */
const ln2 = 0.6931471805598903;
const ln2Rest = 5.497923018708371e-14;
/** Splits a number into halves whose products are exact (Dekker 1971). */
const splitter = 2 ** 27 + 1;

/**
 * ln n from some 60 bits. `Math.log` is less exact and not the same in every engine; where losses are equal but for
 * rounding, their order depends on the last bit.
 *
 * n = 2^k · m, ln m = 2 artanh s with s = (m - 1) / (m + 1).
 *
 * @param n A whole number from 1 to 2^52.
 */
export function preciseLog(n: number): number {
  const k = Math.round(Math.log2(n));
  const m = n / 2 ** k;
  const s = (m - 1) / (m + 1);
  const sRest = (m - 1 - s * (m + 1) - productRest(s, m + 1)) / (m + 1);
  const s2 = s * s;
  // artanh s = s + s · tail
  let tail = 0;
  for (let i = 27; i >= 3; i -= 2) tail = s2 * (tail + 1 / i);
  const whole = k * ln2;
  const sum = whole + 2 * s;
  const lost = k === 0 ? 0 : whole - sum + 2 * s;
  return sum + (lost + (2 * sRest + k * ln2Rest + 2 * s * tail));
}

/** What a · b loses by rounding. */
function productRest(a: number, b: number): number {
  const p = a * b;
  const aHigh = highHalf(a);
  const bHigh = highHalf(b);
  const aLow = a - aHigh;
  const bLow = b - bHigh;
  return aHigh * bHigh - p + aHigh * bLow + aLow * bHigh + aLow * bLow;
}

function highHalf(x: number): number {
  const t = splitter * x;
  return t - (t - x);
}
