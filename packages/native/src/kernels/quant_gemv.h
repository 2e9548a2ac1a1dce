// Products of a few rows with a quantised weight whose values are float32 or bfloat16: codes become values in registers and
// are multiplied at once. The sum is that of gemm.h, to the bit: blocks of the same length, ascending k, fused.
#pragma once

#include "core/memory.h"
#include "core/pool.h"
#include "kernels/gemm_layout.h"
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
  const int64_t padded = ceil_div(cols, kUnit) * kUnit;
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

// What a vector of weight rows needs during one unit.
template <class F>
struct UnitScales {
  vf scale[F::kScales], low[F::kScales], offset;

  // kRounded: the values will be rounded to bfloat16 by an addition, which must not carry an odd NaN into the exponent.
  template <bool kRounded>
  TS_INLINE void read(const F& f, int64_t u, int lane) {
    offset = vf{};
    f.scales(u, lane, scale, offset);
#pragma GCC unroll 2
    for (int i = 0; i < F::kScales; ++i) {
      if constexpr (kRounded) scale[i] = plain(scale[i]);
      low[i] = scale[i] * splat(-static_cast<float>(F::kBias));
    }
    if constexpr (kRounded && F::kOffset) offset = plain(offset);
  }
  static TS_INLINE vf plain(vf x) { return select(x == x, x, splat(__builtin_nanf(""))); }

  // Value of byte i of a word of codes, rounded as dequantize_unit does (but for the sign of zero, which no sum shows).
  TS_INLINE vf value(vu four, int i, int part) const {
    if constexpr (F::kSigned) return scale[part] * __builtin_convertvector(bits<vi>(four << (24 - 8 * i)) >> 24, vf);
    const vi code = bits<vi>(i == 3 ? four >> 24 : (four >> (8 * i)) & 0xffu);
    vf x;
    if constexpr (F::kBias == 0) {
      x = scale[part] * __builtin_convertvector(code, vf);
    } else {
#if defined(__FMA__) || defined(__aarch64__)
      x = fma(scale[part], __builtin_convertvector(code, vf), low[part]);  // both products are exact: one rounding either way
#else
      x = scale[part] * __builtin_convertvector(code - F::kBias, vf);
#endif
    }
    if constexpr (F::kOffset) x = x + offset;
    return x;
  }
};

// acc[r][v] += one unit of V vectors of weight rows: vector v is rows lane + (v % kPerPanel) * kLanes … of panel f[v /
// kPerPanel]. `valid` of the 32 places are real (kWhole: all). The vectors are interleaved: each is one chain of sums.
template <class T, class F, int R, int V, int kPerPanel, bool kWhole>
TS_INLINE void gemv_unit(const F* f, int64_t u, int lane, int64_t valid, const uint32_t* x, int64_t x_stride, vf (&acc)[R][V]) {
  UnitScales<F> unit[V];
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) unit[v].template read<T::per_word == 2>(f[v / kPerPanel], u, lane + v % kPerPanel * kLanes);
  [[maybe_unused]] vu even[V];
#if defined(TS_TILES)
  [[maybe_unused]] TileSums<R, V> sums;
#endif
#pragma GCC unroll 8
  for (int w = 0; w < 8; ++w) {
    vu four[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) four[v] = f[v / kPerPanel].codes(u, w, lane + v % kPerPanel * kLanes);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const int k = 4 * w + i;
      if (!kWhole && k >= valid) break;
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        const vf value = unit[v].value(four[v], i, w * F::kScales / 8);
        if constexpr (T::per_word == 1) {
#pragma GCC unroll 4
          for (int r = 0; r < R; ++r) acc[r][v] = fma(splat(bits<float>(x[r * x_stride + k])), value, acc[r][v]);
          continue;
        }
        const vu word = bits<vu>(value);
        const vu up = word + (((word >> 16) & 1u) + 0x7fffu);  // round_bf16 for what is not an odd NaN
#if defined(TS_DOT_BF16)
        const bool last = !kWhole && k + 1 == valid;
        if ((k & 1) == 0 && !last) {
          even[v] = up >> 16;
          continue;
        }
        const vu pair = (k & 1) == 0 ? up >> 16 : (up & 0xffff0000u) | even[v];
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) {
          const vu both = splat_u(x[r * x_stride + k / 2]);
#if defined(TS_TILES)
          sums.add(r, v, both, pair);
#else
          acc[r][v] = dot_bf16(acc[r][v], both, pair);
#endif
        }
#else
        const vf rounded = bits<vf>(up & 0xffff0000u);
#pragma GCC unroll 4
        for (int r = 0; r < R; ++r) acc[r][v] = fma(splat(bits<float>(x[r * x_stride + k])), rounded, acc[r][v]);
#endif
      }
    }
  }
#if defined(TS_TILES)
  if constexpr (T::per_word == 2) sums.into(acc);
#endif
}

// y[r][…] for R rows of x (x_stride words apart) and V vectors of weight rows from row `first`, at `lane` of their panels.
template <class T, class F, int R, int V, int kPerPanel>
__attribute__((noinline)) void gemv_tile(const F* f, const QuantSpec& s, int64_t first, int lane, const uint32_t* x, int64_t x_stride,
                                         const float* bias, float* y) {
  constexpr int64_t kBlockUnits = T::sum_words * T::per_word / kUnit;
  const int64_t units = units_of(s);
  vf total[R][V] = {};
  for (int64_t u0 = 0; u0 < units; u0 += kBlockUnits) {
    vf acc[R][V] = {};
    const int64_t end = u0 + kBlockUnits < units ? u0 + kBlockUnits : units;
    for (int64_t u = u0; u < end; ++u) {
      const int64_t valid = s.cols - u * kUnit;
      const uint32_t* words = x + u * kUnitWords<T>;
      if (!F::kTails || valid >= kUnit) {
        gemv_unit<T, F, R, V, kPerPanel, true>(f, u, lane, kUnit, words, x_stride, acc);
      } else if constexpr (F::kTails) {
        gemv_unit<T, F, R, V, kPerPanel, false>(f, u, lane, valid, words, x_stride, acc);
      }
    }
    for (int r = 0; r < R; ++r) {
      for (int v = 0; v < V; ++v) total[r][v] = u0 == 0 ? acc[r][v] : total[r][v] + acc[r][v];
    }
  }
  for (int v = 0; v < V; ++v) {
    const int64_t row = first + v / kPerPanel * kPanelRows + lane + v % kPerPanel * kLanes, left = s.rows - row;
    if (left <= 0) continue;
    const int n = left < kLanes ? static_cast<int>(left) : kLanes;
    for (int r = 0; r < R; ++r) {
      const vf sum = bias == nullptr ? total[r][v] : total[r][v] + load_n(bias + row, n);
      store_n(y + r * s.rows + row, sum, n);
    }
  }
}

// P panels from row `first` against n rows of x.
template <class T, class F, int P>
TS_INLINE void gemv_panels(const F* f, const QuantSpec& s, int64_t first, int64_t n, const uint32_t* x, int64_t x_stride, const float* bias,
                           float* y) {
  constexpr int kPerPanel = kPanelRows / kLanes < 2 ? 1 : 2;
  constexpr int V = P * kPerPanel;
  for (int lane = 0; lane < kPanelRows && first + lane < s.rows; lane += kPerPanel * kLanes) {
    for (int64_t i = 0; i < n;) {
      const uint32_t* from = x + i * x_stride;
      float* to = y + i * s.rows;
      if (n - i >= 4) {
        // Four rows are chains enough: one panel at a time leaves registers for them.
        for (int p = 0; p < P; ++p) {
          gemv_tile<T, F, 4, kPerPanel, kPerPanel>(f + p, s, first + p * kPanelRows, lane, from, x_stride, bias, to);
        }
        i += 4;
      } else if (n - i >= 2) {
        gemv_tile<T, F, 2, V, kPerPanel>(f, s, first, lane, from, x_stride, bias, to);
        i += 2;
      } else {
        gemv_tile<T, F, 1, V, kPerPanel>(f, s, first, lane, from, x_stride, bias, to);
        i += 1;
      }
    }
  }
}

// y (n, rows) = x (n, cols) weightᵀ + bias and what follows, for n <= kGemvRows.
template <class T>
inline Status gemv_product(const QuantSpec& s, const uint8_t* panels, const void* x, DType dtype, const float* bias, float* y, int64_t n, const Epilogue& after) {
  const int64_t stride = units_of(s) * kUnitWords<T>, count = panels_of(s);
  Scratch scratch(static_cast<size_t>(n * stride + 1) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[quant_linear] no memory for %lld words", static_cast<long long>(n * stride));
  uint32_t* words = scratch.as<uint32_t>();
  for (int64_t i = 0; i < n; ++i) gemv_words<T>(x, dtype, i, s.cols, words + i * stride);
  const auto body = [&](int64_t begin, int64_t end, int) {
    with_format(s.format, [&]<class F>() {
      // Panels in pairs: four chains of sums hide the latency of an addition.
      int64_t p = begin;
      for (; p + 2 <= end; p += 2) {
        const F f[2] = {F(panels + p * panel_bytes(s), s), F(panels + (p + 1) * panel_bytes(s), s)};
        gemv_panels<T, F, 2>(f, s, p * kPanelRows, n, words, stride, bias, y);
      }
      if (p < end) {
        const F f[1] = {F(panels + p * panel_bytes(s), s)};
        gemv_panels<T, F, 1>(f, s, p * kPanelRows, n, words, stride, bias, y);
      }
    });
    after_panels(s, begin, end, 0, n, y, after);
  };
  if (n * s.rows * s.cols < int64_t{1} << 15) {
    body(0, count, 0);
  } else {
    parallel_for(count, 2, body);
  }
  return Status::ok;
}

}  // namespace ts::TS_ISA
