// float32 products on AMX. A float32 is the sum of three bfloat16, each with the eight bits of its mantissa that the one before
// left: x = x0 + x1 + x2, exactly. Of the nine products of two such sums the six of x_i y_j with i + j <= 2 are made; the others
// are below 2^-22 of x y, as random in sign as float32's own rounding and on average no larger (Henry, Tang and Heinecke,
// "Leveraging the bfloat16 Artificial Intelligence Datatype For Higher-Precision Computations", 2019).
//
// Tiles take subnormal bfloat16 for zero: operands below 2^-102 lose low bits, products below 2^-126 become zero.
#pragma once

#include "kernels/gemm_amx.h"

namespace ts::TS_ISA {

// A vector's parts, each in the upper half of the word. Of an infinity the first part is one and the others are NaN.
struct Parts {
  static constexpr uint32_t kUpper = 0xffff0000u;
  vu part[kParts];

  TS_INLINE explicit Parts(vf x) {
    part[0] = bits<vu>(x) & kUpper;
    const vf rest = x - bits<vf>(part[0]);
    // To the nearest, so that the last part is as often below zero as above, and with it what is left out.
    part[1] = (bits<vu>(rest) + 0x8000u) & kUpper;
    part[2] = bits<vu>(rest - bits<vf>(part[1]));
  }
};

// Two words of parts as they lie in panels: the values they come from.
TS_INLINE vf whole(vu first, vu second, vu third) {
  const vf x = bits<vf>(first);
  const vf sum = (x + bits<vf>(second)) + bits<vf>(third);
  return select(abs(x) < splat(__builtin_inff()), sum, x);
}

// A step of a panel of B from float32 rows of 32 columns, `count` of them; the others are zeros.
inline void split_step(const float* rows, int64_t count, uint32_t* out) {
  constexpr int64_t kCols = 2 * kTileWords;
  for (int64_t w = 0; w < kTileWords; ++w) {
    for (int64_t v = 0; v < kCols; v += kLanes) {
      const float* const row = rows + 2 * w * kCols + v;
      const Parts even(2 * w < count ? load(row) : vf{}), odd(2 * w + 1 < count ? load(row + kCols) : vf{});
#pragma GCC unroll 3
      for (int p = 0; p < kParts; ++p) {
        const vu pair = odd.part[p] | (even.part[p] >> 16);
        std::memcpy(out + p * kPartWords + w * kCols + v, &pair, sizeof pair);
      }
    }
  }
}

// A step of a row of A: 32 consecutive values, halves of them in `first` and `second`.
TS_INLINE void split_row(vf first, vf second, uint32_t* out) {
  const Parts low(first), high(second);
#pragma GCC unroll 3
  for (int p = 0; p < kParts; ++p) {
    const vu pairs = (vu)_mm512_cvtne2ps_pbh((__m512)high.part[p], (__m512)low.part[p]);
    std::memcpy(out + p * kPartWords, &pairs, sizeof pairs);
  }
}

// Lanes that are not finite.
TS_INLINE __mmask16 lost_lanes(vf x) {
  constexpr int kClasses = 0x01 | 0x08 | 0x10 | 0x80;  // NaN, infinities, signalling NaN
  return _mm512_fpclass_ps_mask((__m512)x, kClasses);
}

// Sums that are not finite, made again on vectors: parts of an infinity make NaN of infinite sums.
__attribute__((noinline, cold)) inline void sum_again(const uint32_t* a, const uint32_t* b, int64_t steps, float* sums, int64_t rows) {
  constexpr int64_t kCols = 2 * kTileWords;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t v = 0; v < kCols; v += kLanes) {
      float* const at = sums + r * kCols + v;
      const __mmask16 lost = lost_lanes(load(at));
      if (lost == 0) continue;
      vf sum{};
      for (int64_t w = 0; w < steps * kTileWords; ++w) {
        const int64_t step = w / kTileWords * kParts * kPartWords, place = w % kTileWords;
        vu x[kParts], y[kParts];
        for (int p = 0; p < kParts; ++p) {
          x[p] = splat_u(a[step + p * kPartWords + r * kTileWords + place]);
          std::memcpy(&y[p], b + step + p * kPartWords + place * kCols + v, sizeof(vu));
        }
        sum = fma(whole(x[0] << 16, x[1] << 16, x[2] << 16), whole(y[0] << 16, y[1] << 16, y[2] << 16), sum);
        constexpr uint32_t kUpper = Parts::kUpper;
        sum = fma(whole(x[0] & kUpper, x[1] & kUpper, x[2] & kUpper), whole(y[0] & kUpper, y[1] & kUpper, y[2] & kUpper), sum);
      }
      _mm512_mask_storeu_ps(at, lost, (__m512)sum);
    }
  }
}

// C (m, n) over `steps` steps of one block of the sum: panels of 32 rows and 32 columns, a_stride and b_stride words apart.
inline void parts_product(const uint32_t* a, int64_t a_stride, int64_t m, const uint32_t* b, int64_t b_stride, int64_t n, int64_t steps,
                          float* c, int64_t ldc, bool first, const float* bias) {
  constexpr int64_t kRows = 2 * kTileRows, kCols = 2 * kTileWords;
  alignas(64) float sums[kRows * kCols];
  const Tiles<> tiles;
  for (int64_t i = 0; i < m; i += kRows, a += a_stride) {
    const int64_t rows = min64(kRows, m - i);
    const uint32_t* bp = b;
    Ahead ahead = next_panel(a + a_stride, kParts * kRows, i + kRows < m, n);
    for (int64_t j = 0; j < n; j += kCols, bp += b_stride, ahead.advance(steps)) {
      if (rows > kTileRows) {
        tiles_parts_block<2>(a, bp, steps, sums, ahead);
      } else {
        tiles_parts_block<1>(a, bp, steps, sums, ahead);
      }
      __mmask16 lost = 0;
      for (int64_t at = 0; at < rows * kCols; at += kLanes) lost |= lost_lanes(load(sums + at));
      if (lost != 0) sum_again(a, bp, steps, sums, rows);
      for (int64_t v = 0; v < min64(kCols, n - j); v += kLanes) {
        const int left = static_cast<int>(min64(kLanes, n - j - v));
        const vf shift = bias == nullptr ? vf{} : load_n(bias + j + v, left);
        for (int64_t r = 0; r < rows; ++r) {
          float* const at = c + (i + r) * ldc + j + v;
          vf x = load(sums + r * kCols + v);
          if (!first) x = load_n(at, left) + x;
          if (bias != nullptr) x += shift;
          store_n(at, x, left);
        }
      }
    }
  }
}

}  // namespace ts::TS_ISA
