// Elementary functions on vectors: range reduction and a polynomial, the same operations in every lane and for every
// width, so that an element's result does not depend on its place in a row.
#pragma once

#include "simd.h"

namespace ts::TS_ISA {

// p 2^n for n from -126 to 128, whole.
TS_INLINE vf scale_by_power(vf p, vf n) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_scalef_ps(0xffff, (__m512)p, (__m512)n);  // GCC warns of what the plain form leaves undefined
#else
  // Twice half the exponent: n may be 128, one more than a float32 exponent holds.
  const vi whole = __builtin_convertvector(n, vi);
  const vi half = whole >> 1;
  return p * bits<vf>((half + 127) << 23) * bits<vf>((whole - half + 127) << 23);
#endif
}

// e^x: x = n ln 2 + r, |r| <= ln 2 / 2, a degree-6 polynomial for e^r (relative error 2e-8) and n into the exponent.
// Below -87.3 the result is 0 (float32's normal range ends there), above 88.7 it overflows to infinity; NaN stays NaN.
TS_INLINE vf exp(vf x) {
  // Bounds first: a comparison with NaN gives the second operand.
  const vf clamped = min(splat(88.8f), max(splat(-87.33654f), x));
  const vf shifted = fma(clamped, splat(1.44269504f), splat(12582912.0f));  // 1.5 * 2^23: rounds to an integer
  const vf n = shifted - splat(12582912.0f);
  vf r = fma(n, splat(-0.693359375f), clamped);
  r = fma(n, splat(2.12194440e-4f), r);
  vf p = splat(1.9875691500e-4f);
  p = fma(p, r, splat(1.3981999507e-3f));
  p = fma(p, r, splat(8.3334519073e-3f));
  p = fma(p, r, splat(4.1665795894e-2f));
  p = fma(p, r, splat(1.6666665459e-1f));
  p = fma(p, r, splat(5.0000001201e-1f));
  p = fma(p, r * r, r) + splat(1.0f);
  return select(x < splat(-87.33654f), vf{}, scale_by_power(p, n));
}

// 1 / (1 + e^-x).
TS_INLINE vf sigmoid(vf x) { return splat(1.0f) / (splat(1.0f) + exp(-x)); }

// tanh x = 1 - 2 / (e^2x + 1); near 0 by its odd polynomial, which loses nothing to cancellation.
TS_INLINE vf tanh(vf x) {
  const vf far = splat(1.0f) - splat(2.0f) / (exp(x + x) + splat(1.0f));
  const vf s = x * x;
  vf p = splat(-5.70498872745e-3f);
  p = fma(p, s, splat(2.06390887954e-2f));
  p = fma(p, s, splat(-5.37397155531e-2f));
  p = fma(p, s, splat(1.33314422036e-1f));
  p = fma(p, s, splat(-3.33332819422e-1f));
  const vf near = fma(p * s, x, x);
  return select(abs(x) < splat(0.625f), near, far);
}

}  // namespace ts::TS_ISA
