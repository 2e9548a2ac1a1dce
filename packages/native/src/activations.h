// Activations on vectors and their slopes, by the codes of the ABI.
#pragma once

#include <cmath>

#include "vector_math.h"

namespace ts::TS_ISA {

enum class Act : int { identity = 0, silu = 1, gelu_tanh = 2, gelu_erf = 3, relu = 4, relu2 = 5, sigmoid = 6, quick_gelu = 7, tanh = 8, exp = 9, abs = 10, neg = 11, square = 12, sqrt = 13, reciprocal = 14, rsqrt = 15 };

template <class F>
TS_INLINE vf by_lane(vf x, const F& f) {
  vf y;
  for (int i = 0; i < kLanes; ++i) y[i] = f(x[i]);
  return y;
}

constexpr float kGelu = 0.7978845608028654f;   // √(2/π)
constexpr float kRoot = 0.7071067811865476f;   // √½
constexpr float kPeak = 0.3989422804014327f;   // 1/√(2π)

TS_INLINE vf activate(Act act, vf x) {
  switch (act) {
    case Act::silu: return x * sigmoid(x);
    case Act::gelu_tanh: return 0.5f * x * (1.0f + tanh(kGelu * (x + 0.044715f * x * x * x)));
    case Act::gelu_erf: return 0.5f * x * by_lane(x, [](float v) { return ::erfcf(-v * kRoot); });
    case Act::relu: return select(x > splat(0.0f), x, select(x != x, x, vf{}));
    case Act::relu2: { const vf y = max(x, vf{}); return select(x != x, x, y * y); }
    case Act::sigmoid: return sigmoid(x);
    case Act::quick_gelu: return x * sigmoid(1.702f * x);
    case Act::tanh: return tanh(x);
    case Act::exp: return exp(x);
    case Act::abs: return abs(x);
    case Act::neg: return -x;
    case Act::square: return x * x;
    case Act::sqrt: return sqrt(x);
    case Act::reciprocal: return splat(1.0f) / x;
    case Act::rsqrt: return splat(1.0f) / sqrt(x);
    case Act::identity: break;
  }
  return x;
}

TS_INLINE vf slope(Act act, vf x) {
  switch (act) {
    case Act::silu: { const vf s = sigmoid(x); return s * (1.0f + x * (1.0f - s)); }
    case Act::gelu_tanh: {
      const vf t = tanh(kGelu * (x + 0.044715f * x * x * x));
      return 0.5f * (1.0f + t) + 0.5f * x * (1.0f - t * t) * kGelu * (1.0f + 0.134145f * x * x);
    }
    case Act::gelu_erf: return 0.5f * by_lane(x, [](float v) { return ::erfcf(-v * kRoot); }) + x * kPeak * exp(-0.5f * x * x);
    // What is not a number keeps its gradient, as in PyTorch.
    case Act::relu: return select(x <= splat(0.0f), vf{}, splat(1.0f));
    case Act::relu2: return select(x != x, x, 2.0f * max(x, vf{}));
    case Act::sigmoid: { const vf s = sigmoid(x); return s * (1.0f - s); }
    case Act::quick_gelu: { const vf s = sigmoid(1.702f * x); return s + 1.702f * s * (x * (1.0f - s)); }
    case Act::tanh: { const vf t = tanh(x); return 1.0f - t * t; }
    case Act::exp: return exp(x);
    case Act::abs: return select(x > splat(0.0f), splat(1.0f), select(x < splat(0.0f), splat(-1.0f), vf{}));
    case Act::neg: return splat(-1.0f);
    case Act::square: return 2.0f * x;
    case Act::sqrt: return splat(0.5f) / sqrt(x);
    case Act::reciprocal: return splat(-1.0f) / (x * x);
    case Act::rsqrt: return splat(-0.5f) / (x * sqrt(x));
    case Act::identity: break;
  }
  return splat(1.0f);
}

}  // namespace ts::TS_ISA
