import { describe, expect, it } from 'vitest';
import { erf, geluErf, geluTanh, normalCdf, roundEven, sigmoid, softplus } from './functions';

/** erf by composite Simpson over its defining integral. */
function integrated(x: number): number {
  const n = 2000;
  const h = x / n;
  let sum = 1 + Math.exp(-x * x);
  for (let i = 1; i < n; i++) sum += (i % 2 === 1 ? 4 : 2) * Math.exp(-((i * h) ** 2));
  return (2 / Math.sqrt(Math.PI)) * (h / 3) * sum;
}

describe('erf', () => {
  it('is the integral of its density, odd, and 1 far out', () => {
    for (let x = 0; x <= 5; x += 0.0625) {
      expect(Math.abs(erf(x) - integrated(x))).toBeLessThan(1e-8);
      expect(erf(-x) + erf(x)).toBe(0);
    }
    expect([erf(30), erf(-30), erf(Number.POSITIVE_INFINITY)]).toEqual([1, -1, 1]);
    expect(erf(Number.NaN)).toBeNaN();
  });

  it('keeps relative accuracy near 0 and, in the distribution function, far left', () => {
    expect(erf(1e-9) / 1e-9).toBeCloseTo(2 / Math.sqrt(Math.PI), 12);
    // Φ(-6) and Φ(-10) from published tables.
    expect(normalCdf(-6) / 9.865876450376981e-10).toBeCloseTo(1, 7);
    expect(normalCdf(-10) / 7.619853024160527e-24).toBeCloseTo(1, 7);
  });
});

describe('activations', () => {
  it('do not overflow', () => {
    expect([sigmoid(1000), sigmoid(-1000), softplus(1000), softplus(-1000)]).toEqual([1, 0, 1000, 0]);
    for (const gelu of [geluErf, geluTanh]) {
      expect(gelu(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
      expect(gelu(Number.NEGATIVE_INFINITY)).toBe(0);
      expect(gelu(Number.NaN)).toBeNaN();
    }
  });

  it('geluTanh is its formula', () => {
    for (let x = -4; x <= 4; x += 0.25) {
      const want = 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
      expect(Math.abs(geluTanh(x) - want)).toBeLessThan(1e-14);
    }
  });

  it('rounds half to even', () => {
    expect([0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 1.4, -1.6].map((x) => roundEven(x) + 0)).toEqual([
      0, 2, 2, 0, -2, -2, 1, -2,
    ]);
  });
});
