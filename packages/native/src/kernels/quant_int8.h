// Products with int8 activations on vectors: rows of x are rounded, and tiles of them meet panels of the weight.
#pragma once

#include "core/memory.h"
#include "core/pool.h"
#include "kernels/quant_dot.h"
#include "kernels/quant_round.h"

namespace ts::TS_ISA {

// acc + bias into R rows of y, the first `cols` of V vectors.
template <int R, int V>
TS_INLINE void store_sums(const vf (&acc)[R][V], int64_t cols, const float* bias, float* y, int64_t ldy) {
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const int64_t left = cols - v * kLanes;
    if (left <= 0) break;
    const int n = left < kLanes ? static_cast<int>(left) : kLanes;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const vf sum = bias == nullptr ? acc[r][v] : acc[r][v] + load_n(bias + v * kLanes, n);
      store_n(y + r * ldy + v * kLanes, sum, n);
    }
  }
}

// One row of x against a panel of `bytes` bytes, of which `cols` rows are real. It waits for memory: the panel is read straight on and
// asked for ahead of its use, and the beginning of the next one with its end.
template <class F>
__attribute__((noinline)) void int8_row(const F& f, const uint8_t* panel, int64_t bytes, int64_t units, int64_t cols, const Activation* x,
                                        const float* bias, float* y) {
  constexpr int kVectors = kPanelRows / kLanes;
  const int64_t unit_bytes = units == 0 ? 0 : bytes / units;
  vf acc[1][kVectors] = {};
  for (int64_t u = 0; u < units; ++u) {
    const uint8_t* ahead = panel + u * unit_bytes + kStreamAhead;
    for (int64_t at = 0; at < unit_bytes; at += 64) __builtin_prefetch(ahead + at);
    add_unit<F, 1, kVectors, kVectors>(&f, u, 0, x + u, units, acc);
  }
  store_sums(acc, cols, bias, y, 0);
}

// R rows of x against one vector of each of P panels.
template <class F, int R, int P>
__attribute__((noinline)) void int8_tile(const F* f, int64_t units, int lane, int64_t cols, const Activation* x, const float* bias, float* y,
                                         int64_t ldy) {
  vf acc[R][P] = {};
  for (int r = 0; r < R; ++r) {
    for (int p = 0; p < P; ++p) __builtin_prefetch(y + r * ldy + p * kPanelRows, 1);
  }
  for (int64_t u = 0; u < units; ++u) add_unit<F, R, P, 1>(f, u, lane, x + u, units, acc);
  store_sums(acc, cols, bias, y, ldy);
}

// What a tile for several rows of x takes: codes are unpacked once for all its rows, activations spread over a vector once for all its
// panels. Where codes are not multiplied by one instruction, registers are short.
#if defined(__AVX512VNNI__)
constexpr int kRowsAtOnce = 6, kPanelsAtOnce = 2;  // 24 of 32 registers are sums
static_assert(kPanelRows == kLanes);
#else
constexpr int kRowsAtOnce = 4, kPanelsAtOnce = 1;
#endif

// n rows of x against P panels, of which `cols` rows are real.
template <class F, int P>
TS_INLINE void int8_panels(const F (&f)[P], int64_t units, int64_t cols, int64_t n, const Activation* x, const float* bias, float* y,
                           int64_t ldy) {
  for (int lane = 0; lane < kPanelRows && lane < cols; lane += kLanes) {
    int64_t i = 0;
    const auto rows = [&]<int R>() {
      for (; i + R <= n; i += R) {
        int8_tile<F, R, P>(f, units, lane, cols - lane, x + i * units, bias == nullptr ? nullptr : bias + lane, y + i * ldy + lane, ldy);
      }
    };
    rows.template operator()<kRowsAtOnce>();
    if constexpr (kRowsAtOnce > 4) rows.template operator()<4>();
    rows.template operator()<2>();
    rows.template operator()<1>();
  }
}

// The same for panels [begin, end) of a weight, whose results begin at y.
template <class F>
inline void int8_block(const QuantSpec& s, const uint8_t* panels, int64_t begin, int64_t end, int64_t n, const Activation* x, const float* bias,
                       float* y) {
  const int64_t units = units_of(s), bytes = panel_bytes(s);
  const auto from = [&](int64_t p) { return p * kPanelRows; };
  const auto shift = [&](int64_t p) { return bias == nullptr ? nullptr : bias + from(p); };
  int64_t p = begin;
  if (n == 1) {
    for (; p < end; ++p) int8_row(F(panels + p * bytes, s), panels + p * bytes, bytes, units, s.rows - from(p), x, shift(p), y + from(p));
    return;
  }
  if constexpr (kPanelsAtOnce == 2) {
    for (; p + 2 <= end; p += 2) {
      const F f[2] = {F(panels + p * bytes, s), F(panels + (p + 1) * bytes, s)};
      int8_panels(f, units, s.rows - from(p), n, x, shift(p), y + from(p), s.rows);
    }
  }
  for (; p < end; ++p) {
    const F f[1] = {F(panels + p * bytes, s)};
    int8_panels(f, units, s.rows - from(p), n, x, shift(p), y + from(p), s.rows);
  }
}

// A row of x, unit by unit, for weights of format F.
template <class F>
inline void quantize_row(const float* x, int64_t cols, Activation* out) {
  struct Out {
    Activation* at;
    int8_t* q(int i) const { return reinterpret_cast<int8_t*>(at[i].q); }
    void rest(int i, float scale, vi first, vi second) const {
      const int32_t sum[2] = {sum_of_lanes(first), sum_of_lanes(second)}, all = sum[0] + sum[1];
      at[i].scale = scale;
      at[i].shift = scale * static_cast<float>(all);
      for (int part = 0; part < 2; ++part) at[i].start[part] = -stored_bias<F> * (F::kScales == 2 ? sum[part] : all);
    }
  };
  const int64_t whole = cols / kUnit;
  for (int64_t u = 0; u < whole; u += kLanes) {
    quantize_units(x + u * kUnit, kUnit, static_cast<int>(whole - u < kLanes ? whole - u : kLanes), kUnit, Out{out + u});
  }
  if (whole * kUnit < cols) quantize_units(x + whole * kUnit, kUnit, 1, cols - whole * kUnit, Out{out + whole});
}

// Below this many bytes of codes a product stays on one thread.
constexpr int64_t kInt8Parallel = 1 << 15;

// y (n, rows) = x (n, cols) weightᵀ + bias and what follows, x rounded to int8.
inline Status int8_product(const QuantSpec& s, const uint8_t* panels, const float* x, const float* bias, float* y, int64_t n, const Epilogue& after) {
  if (n == 0 || s.rows == 0) return Status::ok;
  const int64_t units = units_of(s), count = panels_of(s);
  Scratch scratch(static_cast<size_t>(n * units) * sizeof(Activation));
  if (!scratch) return fail(Status::out_of_memory, "[quant_linear] no memory for %lld rows as int8", static_cast<long long>(n));
  Activation* rounded = scratch.as<Activation>();
  const auto round_rows = [&](int64_t begin, int64_t end, int) {
    with_format(s.format, [&]<class F>() {
      for (int64_t i = begin; i < end; ++i) quantize_row<F>(x + i * s.cols, s.cols, rounded + i * units);
    });
  };
  // Rows of x in blocks that stay in the second-level cache while the panels pass by.
  const int64_t block = ceil_div(int64_t{1} << 16, units * static_cast<int64_t>(sizeof(Activation)) + 1) * kRowsAtOnce;
  const auto multiply_panels = [&](int64_t begin, int64_t end, int) {
    with_format(s.format, [&]<class F>() {
      for (int64_t i = 0; i < n; i += block) {
        const int64_t rows = n - i < block ? n - i : block;
        int8_block<F>(s, panels, begin, end, rows, rounded + i * units, bias, y + i * s.rows);
        after_panels(s, begin, end, i, rows, y, after);
      }
    });
  };
  if (n == 1) {
    round_rows(0, 1, 0);
  } else {
    parallel_for(n, ceil_div(4096, s.cols + 1), round_rows);
  }
  if (n * count * panel_bytes(s) < kInt8Parallel) {
    multiply_panels(0, count, 0);
  } else {
    parallel_for(count, n == 1 ? 1 : kPanelsAtOnce, multiply_panels);
  }
  return Status::ok;
}

}  // namespace ts::TS_ISA
