// One row against packed panels of bfloat16 where tiles multiply several: the same bits on vectors, which read no rows that
// aren't there and let the processor read ahead. From two rows on tiles cost less.
#pragma once

#include "core/memory.h"
#include "core/pool.h"
#include "gemm.h"
#include "kernels/gemm_pack.h"

namespace ts::TS_ISA {

// Bytes of packed B that a thread multiplies one or a few rows with in one go.
constexpr int64_t kFewRowsBytes = int64_t{32} << 10;

}  // namespace ts::TS_ISA

#if defined(TS_TILES)

namespace ts::TS_ISA {

// c (cols) = x panel + bias over whole steps. x: its words with the even k alone, and `words` further on with the odd ones.
__attribute__((noinline)) inline void row_panel(const uint32_t* x, int64_t words, const uint32_t* panel, float* c, int64_t cols,
                                                const float* bias) {
  vf acc[1][2] = {};
  for (int64_t from = 0; from < words; from += kTileWords) {
    TileSums<1, 2> sums;
    for (int64_t line = 0; line < 2 * kTileWords; ++line) __builtin_prefetch(reinterpret_cast<const char*>(panel) + kStreamAhead + line * 64);
#pragma GCC unroll 16
    for (int w = 0; w < kTileWords; ++w) {
      vu b[2];
      std::memcpy(b, panel + w * kTileN, sizeof b);
      const vu even = splat_u(x[from + w]), odd = splat_u(x[words + from + w]);
      sums.add_halves(0, 0, even, odd, b[0]);
      sums.add_halves(0, 1, even, odd, b[1]);
    }
    sums.into(acc);
    panel += kTileWords * kTileN;
  }
#pragma GCC unroll 2
  for (int v = 0; v < 2; ++v) {
    const int64_t left = cols - v * kLanes;
    if (left <= 0) break;
    const int n = left < kLanes ? static_cast<int>(left) : kLanes;
    store_n(c + v * kLanes, bias == nullptr ? acc[0][v] : acc[0][v] + load_n(bias + v * kLanes, n), n);
  }
}

// Whether a product is of this kind.
inline bool is_row(const Product& p) {
  const bool plain = p.out == DType::float32 && !p.accumulate && p.a.col_stride == 1 && p.a.dtype != DType::float16;
  return plain && p.m == 1 && p.packed_b != nullptr && p.compute == Compute::bfloat16;
}

// c (1, n) = a (1, k) times the packed b. `parallel`: worth more than one thread.
inline Status multiply_row(const Product& p, bool parallel) {
  const int64_t words = words_of<BFloat16>(p.k), panel_words = words * kTileN;
  const Scratch scratch(static_cast<size_t>(2 * words) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[matmul] no memory for a row of %lld", static_cast<long long>(p.k));
  uint32_t* const x = scratch.as<uint32_t>();
  for (int64_t w = 0; w < words; w += kLanes) {
    const int64_t left = p.k - 2 * w;
    const int n = left >= 2 * kLanes ? 2 * kLanes : left > 0 ? static_cast<int>(left) : 0;
    const vu pairs = p.a.dtype == DType::bfloat16 ? load_pairs<DType::bfloat16>(p.a.data, 2 * w, n) : load_pairs<DType::float32>(p.a.data, 2 * w, n);
    const vu even = pairs & 0xffffu, odd = pairs & 0xffff0000u;
    std::memcpy(x + w, &even, sizeof even);
    std::memcpy(x + words + w, &odd, sizeof odd);
  }
  const auto body = [&](int64_t begin, int64_t end, int) {
    for (int64_t panel = begin; panel < end; ++panel) {
      const int64_t j = panel * kTileN, cols = p.n - j < kTileN ? p.n - j : kTileN;
      row_panel(x, words, static_cast<const uint32_t*>(p.packed_b) + panel * panel_words, static_cast<float*>(p.c) + j, cols,
                p.bias == nullptr ? nullptr : p.bias + j);
    }
    const int64_t first = begin * kTileN, past = end * kTileN < p.n ? end * kTileN : p.n;
    p.after.apply(static_cast<float*>(p.c) + first, p.ldc, 0, first, 1, past - first);
  };
  const int64_t panels = ceil_div(p.n, kTileN);
  if (parallel) {
    parallel_for(panels, ceil_div(kFewRowsBytes, panel_words * 4), body);
  } else {
    body(0, panels, 0);
  }
  return Status::ok;
}

}  // namespace ts::TS_ISA

#endif
