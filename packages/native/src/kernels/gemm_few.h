// Products of few rows, which wait for memory: packed A stays in the cache, and B is read once.
#pragma once

#include "core/pool.h"
#include "kernels/gemm_block.h"
#include "kernels/gemm_row.h"

namespace ts::TS_ISA {

// Up to this many rows B is packed block by block into the scratch of the thread that uses it at once.
constexpr int64_t kFewRows = 4 * kTileM;

template <class T>
Status multiply_few_rows(const Product& p) {
  const int64_t a_bytes = packed_a_bytes<T>(p.m, p.k);
  const int64_t b_bytes = p.packed_b == nullptr ? thread_b_bytes<T>() : 0;
  const int64_t per_thread = b_bytes + thread_sums_bytes(p, p.m);
  const bool parallel = p.m * p.n * p.k >= kParallelWork;
#if defined(TS_TILES)
  if (is_row(p)) return multiply_row(p, parallel);
#endif
  Scratch scratch(static_cast<size_t>(a_bytes + per_thread * (parallel ? threads() : 1)));
  if (!scratch) return fail(Status::out_of_memory, "[matmul] no memory for %lld packed bytes", static_cast<long long>(a_bytes));
  pack_a_panels<T>(p.a, p.m, p.k, 0, ceil_div(p.m, T::a_rows), scratch.as<void>());
  const int64_t panel_words = words_of<T>(p.k) * kTileN;
  // Panels that wait for memory are read straight on, and shared out finely: 32 KB are enough work. Those that are packed here
  // are packed several at once.
  const int64_t step = p.packed_b != nullptr ? ceil_div(kFewRowsBytes, panel_words * 4) * kTileN : 4 * kTileN;
  // What a source makes is read back from the first-level cache.
  const int64_t chunk = p.source != nullptr ? 2 * kTileN : kTaskN;
  const auto body = [&](int64_t begin, int64_t end, int slot) {
    char* own = scratch.as<char>(static_cast<size_t>(a_bytes + per_thread * slot));
    for (int64_t j = begin; j < end; j += chunk) {
      const int64_t n = min64(chunk, end - j);
      if (p.packed_b != nullptr) {
        const auto* b = static_cast<const typename T::Word*>(p.packed_b) + j / kTileN * panel_words;
        block_from_panels<T>(p, scratch.as<void>(), b, 0, j, p.m, n, own + b_bytes);
      } else {
        block_packing_b<T>(p, scratch.as<void>(), j, n, own, own + b_bytes);
      }
    }
  };
  if (parallel) {
    parallel_for(p.n, step, body);
  } else {
    body(0, p.n, 0);
  }
  return Status::ok;
}

}  // namespace ts::TS_ISA
