// Products of a few rows with a quantised weight whose values are float32 or bfloat16: codes become values in registers and
// are multiplied at once. The sum is that of gemm.h, to the bit: blocks of the same length, ascending k, fused.
#pragma once

#include "core/memory.h"
#include "core/pool.h"
#include "kernels/gemm_tile.h"
#include "quant.h"

namespace ts::TS_ISA {

// Most rows of x that are worth multiplying without making panels.
constexpr int64_t kGemvRows = 4;

// Words of a row of x that one unit of the weight meets: float32 values (rounded for bfloat16), or pairs of bfloat16 for
// families with the dot product.
#if defined(TS_DOT_BF16)
template <class T>
constexpr int kUnitWords = T::per_word == 1 ? kUnit : kUnit / 2;
#else
template <class T>
constexpr int kUnitWords = kUnit;
#endif

// A row of x as those words, zeros past its end to whole units.
template <class T>
inline void gemv_words(const void* x, DType dtype, int64_t row, int64_t cols, uint32_t* out) {
  const int64_t padded = div_up(cols, kUnit) * kUnit;
  for (int64_t k = 0; k < padded; ++k) {
    float value = 0.0f;
    if (k < cols) {
      value = dtype == DType::float32 ? static_cast<const float*>(x)[row * cols + k] : from_bf16(static_cast<const uint16_t*>(x)[row * cols + k]);
    }
    if constexpr (T::per_word == 1) {
      out[k] = bits<uint32_t>(value);
    } else if constexpr (kUnitWords<T> == kUnit) {
      out[k] = bits<uint32_t>(round_bf16(value));
    } else {
      const uint32_t half = to_bf16(value);
      out[k / 2] = (k & 1) == 0 ? half : out[k / 2] | (half << 16);
    }
  }
}

// acc[r] += unit u of kLanes rows of the weight. `valid` of the 32 places are real (kWhole: all).
template <class T, class F, int R, bool kWhole>
TS_INLINE void gemv_unit(const F& f, int64_t u, int lane, int64_t valid, const uint32_t* x, int64_t x_stride, vf* acc, int acc_stride) {
  vf scale[F::kScales], offset{};
  f.scales(u, lane, scale, offset);
  vf low[F::kScales];
#pragma GCC unroll 2
  for (int i = 0; i < F::kScales; ++i) {
    // One NaN for all of them: rounding by adding below must not carry its bits into the exponent.
    if constexpr (T::per_word == 2) scale[i] = select(scale[i] == scale[i], scale[i], splat(__builtin_nanf("")));
    low[i] = scale[i] * splat(-static_cast<float>(F::kBias));
  }
  if constexpr (T::per_word == 2 && F::kOffset) offset = select(offset == offset, offset, splat(__builtin_nanf("")));
  vu even{};
#pragma GCC unroll 8
  for (int w = 0; w < 8; ++w) {
    const vu four = f.codes(u, w, lane);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int k = 4 * w + i;
      if (!kWhole && k >= valid) break;
      const int part = w * F::kScales / 8;
      vf value;
      if constexpr (F::kSigned) {
        value = scale[part] * __builtin_convertvector(bits<vi>(four << (24 - 8 * i)) >> 24, vf);
      } else {
        vi code = bits<vi>(i == 3 ? four >> 24 : (four >> (8 * i)) & 0xffu);
#if defined(__FMA__) || defined(__aarch64__)
        // scale (code - bias) in one rounding: the product is exact, so it has one either way.
        if constexpr (F::kBias != 0) value = fma(scale[part], __builtin_convertvector(code, vf), low[part]);
#else
        if constexpr (F::kBias != 0) value = scale[part] * __builtin_convertvector(code - F::kBias, vf);
#endif
        else value = scale[part] * __builtin_convertvector(code, vf);
        if constexpr (F::kOffset) value = value + offset;
      }
      if constexpr (T::per_word == 1) {
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          vf& sum = acc[r * acc_stride];
          sum = fma(splat(bits<float>(x[r * x_stride + k])), value, sum);
        }
      } else {
        const vu word = bits<vu>(value);
        const vu up = word + (((word >> 16) & 1u) + 0x7fffu);  // round_bf16 for what is not an odd NaN
#if defined(TS_DOT_BF16)
        const bool last = !kWhole && k + 1 == valid;
        if ((k & 1) == 0 && !last) {
          even = up >> 16;
          continue;
        }
        const vu pair = (k & 1) == 0 ? up >> 16 : (up & 0xffff0000u) | even;
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          vf& sum = acc[r * acc_stride];
          sum = dot_bf16(sum, splat_u(x[r * x_stride + k / 2]), pair);
        }
#else
        (void)even;
        const vf rounded = bits<vf>(up & 0xffff0000u);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          vf& sum = acc[r * acc_stride];
          sum = fma(splat(bits<float>(x[r * x_stride + k])), rounded, sum);
        }
#endif
      }
    }
  }
}

// y[r][…] for R rows of x (x_stride words apart) and V vectors of weight rows from `lane`; `cols` of them are real.
template <class T, class F, int R, int V>
__attribute__((noinline)) void gemv_tile(const F& f, const QuantSpec& s, int lane, int64_t cols, const uint32_t* x, int64_t x_stride,
                                         const float* bias, float* y) {
  constexpr int64_t kBlockUnits = T::block * T::per_word / kUnit;
  const int64_t units = units_of(s);
  vf total[R][V] = {};
  for (int64_t u0 = 0; u0 < units; u0 += kBlockUnits) {
    vf acc[R][V] = {};
    const int64_t end = u0 + kBlockUnits < units ? u0 + kBlockUnits : units;
    for (int64_t u = u0; u < end; ++u) {
      const int64_t valid = s.cols - u * kUnit;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const uint32_t* words = x + u * kUnitWords<T>;
        if (valid >= kUnit) {
          gemv_unit<T, F, R, true>(f, u, lane + v * kLanes, kUnit, words, x_stride, &acc[0][v], V);
        } else {
          gemv_unit<T, F, R, false>(f, u, lane + v * kLanes, valid, words, x_stride, &acc[0][v], V);
        }
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) total[r][v] = u0 == 0 ? acc[r][v] : total[r][v] + acc[r][v];
    }
  }
  for (int v = 0; v < V; ++v) {
    const int64_t left = cols - v * kLanes;
    if (left <= 0) break;
    const int n = left < kLanes ? static_cast<int>(left) : kLanes;
    for (int r = 0; r < R; ++r) {
      const vf sum = bias == nullptr ? total[r][v] : total[r][v] + load_n(bias + v * kLanes, n);
      store_n(y + r * s.rows + v * kLanes, sum, n);
    }
  }
}

template <class T, class F>
TS_INLINE void gemv_panel(const F& f, const QuantSpec& s, int64_t panel, int64_t n, const uint32_t* x, int64_t x_stride, const float* bias,
                          float* y) {
  // Two vectors at a time hide the latency of the sums and are what the registers hold.
  constexpr int kStep = kPanelRows / kLanes < 2 ? 1 : 2;
  const int64_t first = panel * kPanelRows, cols = s.rows - first;
  for (int v = 0; v < kPanelRows / kLanes && v * kLanes < cols; v += kStep) {
    const int lane = v * kLanes;
    const float* b = bias == nullptr ? nullptr : bias + first + lane;
    float* out = y + first + lane;
    if (n == 1) gemv_tile<T, F, 1, kStep>(f, s, lane, cols - lane, x, x_stride, b, out);
    if (n == 2) gemv_tile<T, F, 2, kStep>(f, s, lane, cols - lane, x, x_stride, b, out);
    if (n == 3) gemv_tile<T, F, 3, kStep>(f, s, lane, cols - lane, x, x_stride, b, out);
    if (n == 4) gemv_tile<T, F, 4, kStep>(f, s, lane, cols - lane, x, x_stride, b, out);
  }
}

// y (n, rows) = x (n, cols) weightᵀ + bias for n <= kGemvRows.
template <class T>
inline Status gemv_product(const QuantSpec& s, const uint8_t* panels, const void* x, DType dtype, const float* bias, float* y, int64_t n) {
  const int64_t stride = units_of(s) * kUnitWords<T>, count = panels_of(s);
  Scratch scratch(static_cast<size_t>(n * stride + 1) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[quant_linear] no memory for %lld words", static_cast<long long>(n * stride));
  uint32_t* words = scratch.as<uint32_t>();
  for (int64_t i = 0; i < n; ++i) gemv_words<T>(x, dtype, i, s.cols, words + i * stride);
  const auto body = [&](int64_t begin, int64_t end, int) {
    with_format(s.format, [&]<class F>() {
      for (int64_t p = begin; p < end; ++p) {
        const F f(panels + p * panel_bytes(s), s);
        gemv_panel<T>(f, s, p, n, words, stride, bias, y);
      }
    });
  };
  if (n * s.rows * s.cols < int64_t{1} << 15) {
    body(0, count, 0);
  } else {
    parallel_for(count, 1, body);
  }
  return Status::ok;
}

}  // namespace ts::TS_ISA
