// Activations as int8: units of 32 values, each with a scale.
#pragma once

#include "quant.h"

namespace ts::TS_ISA {

TS_INLINE uint32_t largest_lane(vu x) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_epu32((__m512i)x);
#else
  uint32_t top = 0;
  for (int i = 0; i < kLanes; ++i) top = x[i] > top ? x[i] : top;
  return top;
#endif
}
TS_INLINE int32_t sum_of_lanes(vi x) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_epi32((__m512i)x);
#else
  int32_t sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += x[i];
  return sum;
#endif
}

// `count` units (at most kLanes, `stride` floats apart, n of a unit's 32 values real) as s · q: s = max |x| / 127,
// q = x · (1 / s) rounded half to even. A unit that holds a value that is not finite gets the scale NaN; one whose scale is
// below the normal range is zero. out.q(i) is where the codes go; out.rest(i, s, a, b) takes the rest: the lanes of a and b sum
// to Σ q of the first half and of the second.
template <class Out>
TS_INLINE void quantize_units(const float* x, int64_t stride, int count, int64_t n, const Out& out) {
  constexpr int kParts = kUnit / kLanes;
  const auto values = [=](int i, int p) {
    const int64_t left = n - p * kLanes;
    const float* from = x + i * stride + p * kLanes;
    return left >= kLanes ? load(from) : load_n(from, left > 0 ? static_cast<int>(left) : 0);
  };
  uint32_t tops[kLanes] = {};
  for (int i = 0; i < count; ++i) {
    vu most{};
    for (int p = 0; p < kParts; ++p) {
      const vu size = bits<vu>(values(i, p)) & 0x7fffffffu;  // ordered as the magnitudes are, NaN last
      most = size > most ? size : most;
    }
    tops[i] = largest_lane(most);
  }
  // One division for all units.
  const vf top = load(reinterpret_cast<const float*>(tops)), scale = top / splat(127.0f), inverse = splat(1.0f) / scale;
  const vi lost = bits<vi>(top) >= 0x7f800000, none = lost | (scale < splat(1.17549435e-38f));
  float scales[kLanes], inverses[kLanes];
  int32_t empty[kLanes];
  store(scales, select(lost, splat(__builtin_nanf("")), select(none, vf{}, scale)));
  store(inverses, inverse);
  store(empty, none);
  const vf magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  typedef int8_t Codes __attribute__((vector_size(kLanes)));
  for (int i = 0; i < count; ++i) {
    int8_t* const q = out.q(i);
    if (empty[i] != 0) {
      std::memset(q, 0, kUnit);
      out.rest(i, scales[i], vi{}, vi{});
      continue;
    }
    vi sum[2] = {};
    for (int p = 0; p < kParts; ++p) {
      const vi code = bits<vi>(values(i, p) * splat(inverses[i]) + magic) - bits<vi>(magic);
      const Codes narrow = __builtin_convertvector(code, Codes);
      std::memcpy(q + p * kLanes, &narrow, sizeof narrow);
      sum[2 * p / kParts] += code;
    }
    out.rest(i, scales[i], sum[0], sum[1]);
  }
}

}  // namespace ts::TS_ISA
