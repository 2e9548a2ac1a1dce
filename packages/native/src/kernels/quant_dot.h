// Sums of products with int8 activations: y = Σ over units of scale · s · (Σ code · q) (+ offset · s · Σ q), where a unit's x is
// s · q. The sum over a unit is exact in int32 on every instruction family; units are added in ascending order by fused
// multiply-adds in float32. Nothing else enters a row's result.
#pragma once

#include "quant.h"

namespace ts::TS_ISA {

// One unit of a row of activations, for one format of weights.
struct Activation {
  uint32_t q[8];     // 32 int8
  float scale;
  float shift;       // scale · Σ q, what an offset is multiplied by
  int32_t start[2];  // what takes the bias of the codes out of Σ code · q, for each scale of the unit
};

// V vectors of weight rows: from `lane` of the panels f[0], f[1], …, kPerPanel vectors of each.
template <int kPerPanel, class F>
TS_INLINE vu codes_of(const F* f, int64_t u, int w, int lane, int v) {
  return f[v / kPerPanel].codes(u, w, lane + v % kPerPanel * kLanes);
}

// dot[r][v] += Σ code · q over words [kFirst, kLast) of unit u of V vectors of weight rows, for R rows of x (x_stride units apart),
// exact in 32-bit integers. Codes are taken as they are stored, or with kSignedBias added to signed ones.
#if defined(__AVX512VNNI__)
constexpr int kSignedBias = 128;  // vpdpbusd takes unsigned codes
template <class F, int R, int V, int kPerPanel, int kFirst, int kLast>
TS_INLINE void dot_words(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vi (&dot)[R][V]) {
#pragma GCC unroll 8
  for (int w = kFirst; w < kLast; ++w) {
    vu codes[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const vu stored = codes_of<kPerPanel>(f, u, w, lane, v);
      codes[v] = F::kSigned ? stored ^ 0x80808080u : stored;
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512i q = _mm512_set1_epi32(static_cast<int>(x[r * x_stride].q[w]));
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) dot[r][v] = (vi)_mm512_dpbusd_epi32((__m512i)dot[r][v], (__m512i)codes[v], q);
    }
  }
}
#elif defined(TS_ISA_avx2)
constexpr int kSignedBias = 0;
template <class F, int R, int V, int kPerPanel, int kFirst, int kLast>
TS_INLINE void dot_words(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vi (&dot)[R][V]) {
  const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    __m256i codes[kLast - kFirst];
#pragma GCC unroll 8
    for (int w = kFirst; w < kLast; ++w) codes[w - kFirst] = (__m256i)codes_of<kPerPanel>(f, u, w, lane, v);
    const auto q = [=](int r, int w) { return _mm256_set1_epi32(static_cast<int>(x[r * x_stride].q[w])); };
    if constexpr (F::kSigned) {
#pragma GCC unroll 8
      for (int w = kFirst; w < kLast; ++w) {
        // maddubs wants one unsigned operand: |code| and q with the code's sign. 128 * 127 * 2 fits in 16 bits.
        const __m256i code = codes[w - kFirst], size = _mm256_abs_epi8(code);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          dot[r][v] += (vi)_mm256_madd_epi16(_mm256_maddubs_epi16(size, _mm256_sign_epi8(q(r, w), code)), ones);
        }
      }
    } else {
      // Codes below 16: eight words of pairs fit in 16 bits (8 * 2 * 15 * 127); codes below 64: two do.
      constexpr int kRun = F::kBias == 32 ? 2 : kLast - kFirst;
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
        for (int start = kFirst; start < kLast; start += kRun) {
          __m256i pairs = _mm256_setzero_si256();
#pragma GCC unroll 8
          for (int w = start; w < start + kRun; ++w) pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(codes[w - kFirst], q(r, w)));
          dot[r][v] += (vi)_mm256_madd_epi16(pairs, ones);
        }
      }
    }
  }
}
#elif defined(__AVX512BW__)
constexpr int kSignedBias = 0;
template <class F, int R, int V, int kPerPanel, int kFirst, int kLast>
TS_INLINE void dot_words(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vi (&dot)[R][V]) {
  const __m512i ones = _mm512_set1_epi16(1);
#pragma GCC unroll 8
  for (int w = kFirst; w < kLast; ++w) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const __m512i code = (__m512i)codes_of<kPerPanel>(f, u, w, lane, v);
      const __m512i size = F::kSigned ? _mm512_abs_epi8(code) : code;
      const __mmask64 negative = F::kSigned ? _mm512_movepi8_mask(code) : 0;
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        __m512i q = _mm512_set1_epi32(static_cast<int>(x[r * x_stride].q[w]));
        if constexpr (F::kSigned) q = _mm512_mask_sub_epi8(q, negative, _mm512_setzero_si512(), q);
        dot[r][v] += (vi)_mm512_madd_epi16(_mm512_maddubs_epi16(size, q), ones);
      }
    }
  }
}
#elif defined(__aarch64__)
constexpr int kSignedBias = 0;
template <class F, int R, int V, int kPerPanel, int kFirst, int kLast>
TS_INLINE void dot_words(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vi (&dot)[R][V]) {
#pragma GCC unroll 8
  for (int w = kFirst; w < kLast; ++w) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const int8x16_t code = vreinterpretq_s8_u32((uint32x4_t)codes_of<kPerPanel>(f, u, w, lane, v));
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const int8x16_t q = vreinterpretq_s8_u32(vdupq_n_u32(x[r * x_stride].q[w]));
        const int16x8_t low = vmull_s8(vget_low_s8(code), vget_low_s8(q)), high = vmull_high_s8(code, q);
        dot[r][v] = (vi)vpadalq_s16((int32x4_t)dot[r][v], vpaddq_s16(low, high));
      }
    }
  }
}
#else
constexpr int kSignedBias = 0;
template <class F, int R, int V, int kPerPanel, int kFirst, int kLast>
TS_INLINE void dot_words(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vi (&dot)[R][V]) {
  for (int w = kFirst; w < kLast; ++w) {
    for (int v = 0; v < V; ++v) {
      const vu codes = codes_of<kPerPanel>(f, u, w, lane, v);
      for (int i = 0; i < 4; ++i) {
        const vu top = codes << (24 - 8 * i);
        const vi code = F::kSigned ? bits<vi>(top) >> 24 : bits<vi>(top >> 24);
        for (int r = 0; r < R; ++r) dot[r][v] += code * static_cast<int8_t>(x[r * x_stride].q[w] >> (8 * i));
      }
    }
  }
}
#endif

// What dot_words takes codes of a format for beyond their values.
template <class F>
constexpr int stored_bias = F::kSigned ? kSignedBias : F::kBias;

// acc[r][v] += unit u of R rows of x against V vectors of weight rows.
template <class F, int R, int V, int kPerPanel>
TS_INLINE void add_unit(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vf (&acc)[R][V]) {
  vf scale[V][F::kScales], offset[V] = {};
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) f[v / kPerPanel].scales(u, lane + v % kPerPanel * kLanes, scale[v], offset[v]);
  const auto part = [&]<int kPart>() __attribute__((always_inline)) {
    constexpr int kWords = 8 / F::kScales;
    vi dot[R][V];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) dot[r][v] = stored_bias<F> == 0 ? vi{} : splat_i(x[r * x_stride].start[kPart]);
    }
    dot_words<F, R, V, kPerPanel, kPart * kWords, (kPart + 1) * kWords>(f, u, lane, x, x_stride, dot);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        acc[r][v] = fma(__builtin_convertvector(dot[r][v], vf), scale[v][kPart] * x[r * x_stride].scale, acc[r][v]);
      }
    }
  };
  part.template operator()<0>();
  if constexpr (F::kScales == 2) part.template operator()<1>();
  if constexpr (F::kOffset) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) acc[r][v] = fma(offset[v], splat(x[r * x_stride].shift), acc[r][v]);
    }
  }
}

}  // namespace ts::TS_ISA
