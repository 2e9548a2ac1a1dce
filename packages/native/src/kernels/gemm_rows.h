// A few rows against packed panels of bfloat16 where tiles multiply the others: the same bits on vectors, which read no rows
// that aren't there and let the processor read ahead.
#pragma once

#include "core/memory.h"
#include "core/pool.h"
#include "kernels/gemm_pack.h"

#if defined(TS_TILES)

namespace ts::TS_ISA {

// Most rows for which vectors keep up with memory.
constexpr int64_t kVectorRows = 4;

// Bytes of panels that a thread takes at a time.
constexpr int64_t kRowsTaskBytes = int64_t{32} << 10;

// c (R, cols) = x panel + bias over whole steps. x: for each row its words with the even k alone, then with the odd ones.
template <int R>
__attribute__((noinline)) void rows_panel(const uint32_t* x, int64_t words, const uint32_t* panel, float* c, int64_t ldc, int64_t cols,
                                          const float* bias) {
  vf acc[R][2] = {};
  for (int64_t from = 0; from < words; from += kTileWords) {
    TileSums<R, 2> sums;
    for (int64_t line = 0; line < 2 * kTileWords; ++line) __builtin_prefetch(reinterpret_cast<const char*>(panel) + kStreamAhead + line * 64);
#pragma GCC unroll 16
    for (int w = 0; w < kTileWords; ++w) {
      vu b[2];
      std::memcpy(b, panel + w * kTileN, sizeof b);
#pragma GCC unroll 4
      for (int r = 0; r < R; ++r) {
        const uint32_t* own = x + 2 * r * words + from + w;
        for (int v = 0; v < 2; ++v) sums.add_halves(r, v, splat_u(own[0]), splat_u(own[words]), b[v]);
      }
    }
    sums.into(acc);
    panel += kTileWords * kTileN;
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 2
    for (int v = 0; v < 2; ++v) {
      const int64_t left = cols - v * kLanes;
      if (left <= 0) break;
      const int n = left < kLanes ? static_cast<int>(left) : kLanes;
      const vf sum = bias == nullptr ? acc[r][v] : acc[r][v] + load_n(bias + v * kLanes, n);
      store_n(c + r * ldc + v * kLanes, sum, n);
    }
  }
}

// Whether a product is of this kind.
inline bool by_rows(const Product& p) {
  const bool plain = p.out == DType::float32 && !p.accumulate && p.a.col_stride == 1 && p.a.dtype != DType::float16;
  return plain && p.m <= kVectorRows && p.packed_b != nullptr && p.compute == Compute::bfloat16;
}

// c (m, n) = a (m, k) times the packed b, m <= kVectorRows. `parallel`: worth more than one thread.
inline Status multiply_rows(const Product& p, bool parallel) {
  const int64_t words = words_of<BFloat16>(p.k), panel_words = words * kTileN;
  const Scratch scratch(static_cast<size_t>(p.m * 2 * words) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[matmul] no memory for %lld rows", static_cast<long long>(p.m));
  uint32_t* const x = scratch.as<uint32_t>();
  for (int64_t r = 0; r < p.m; ++r) {
    for (int64_t w = 0; w < words; w += kLanes) {
      const int64_t left = p.k - 2 * w, at = r * p.a.row_stride + 2 * w;
      const int n = left >= 2 * kLanes ? 2 * kLanes : left > 0 ? static_cast<int>(left) : 0;
      const vu pairs = p.a.dtype == DType::bfloat16 ? load_pairs<DType::bfloat16>(p.a.data, at, n) : load_pairs<DType::float32>(p.a.data, at, n);
      const vu even = pairs & 0xffffu, odd = pairs & 0xffff0000u;
      std::memcpy(x + 2 * r * words + w, &even, sizeof even);
      std::memcpy(x + (2 * r + 1) * words + w, &odd, sizeof odd);
    }
  }
  const auto body = [&](int64_t begin, int64_t end, int) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t j = panel * kTileN, cols = p.n - j < kTileN ? p.n - j : kTileN;
      const auto* b = static_cast<const uint32_t*>(p.packed_b) + panel * panel_words;
      const float* bias = p.bias == nullptr ? nullptr : p.bias + j;
      float* c = static_cast<float*>(p.c) + j;
      switch (p.m) {
        case 1: rows_panel<1>(x, words, b, c, p.ldc, cols, bias); break;
        case 2: rows_panel<2>(x, words, b, c, p.ldc, cols, bias); break;
        case 3: rows_panel<3>(x, words, b, c, p.ldc, cols, bias); break;
        default: rows_panel<4>(x, words, b, c, p.ldc, cols, bias);
      }
    }
  };
  const int64_t panels = (p.n + kTileN - 1) / kTileN;
  if (parallel) {
    parallel_for(panels, (kRowsTaskBytes + panel_words * 4 - 1) / (panel_words * 4), body);
  } else {
    body(0, panels, 0);
  }
  return Status::ok;
}

}  // namespace ts::TS_ISA

#endif
