// A block of C from packed panels of A and B: what every way through a product ends in.
#pragma once

#include "gemm.h"
#include "kernels/gemm_panels.h"
#include "kernels/gemm_tile.h"

namespace ts::TS_ISA {

// A task's block of C: its part of A (rows x kBlockK) and of C stay in the second-level cache.
template <class T>
constexpr int64_t kTaskM = T::task_panels * T::a_rows;
constexpr int64_t kTaskN = 8 * kTileN;

constexpr int64_t align64(int64_t bytes) { return (bytes + 63) / 64 * 64; }

template <class T>
int64_t packed_a_bytes(int64_t m, int64_t k) {
  return align64(ceil_div(m, T::a_rows) * T::a_rows * words_of<T>(k) * T::a_words * 4);
}
template <class T>
int64_t packed_bytes(int64_t n, int64_t k) {
  return align64(ceil_div(n, kTileN) * kTileN * words_of<T>(k) * 4);
}

// Where a block of C is summed: the result itself if it is float32, else a float32 scratch that finish() converts.
struct Sums {
  float* data;
  int64_t ld;
};

inline Sums sums_of(const Product& p, int64_t i, int64_t j, int64_t cols, void* scratch) {
  if (p.out == DType::float32) return {static_cast<float*>(p.c) + i * p.ldc + j, p.ldc};
  return {static_cast<float*>(scratch), ceil_div(cols, kLanes) * kLanes};
}

inline void finish(const Product& p, const Sums& sums, int64_t i, int64_t j, int64_t m, int64_t n) {
  p.after.apply(sums.data, sums.ld, i, j, m, n);
  if (p.out == DType::float32) return;
  for (int64_t r = 0; r < m; ++r) {
    uint16_t* out = static_cast<uint16_t*>(p.c) + (i + r) * p.ldc + j;
    const float* from = sums.data + r * sums.ld;
    const auto narrow = [&](vf x) { return p.out == DType::bfloat16 ? to_bf16(x) : to_f16(x); };
    int64_t c = 0;
    for (; c + kLanes <= n; c += kLanes) store_words(out + c, narrow(load(from + c)));
    if (c < n) store_words_n(out + c, narrow(load_n(from + c, static_cast<int>(n - c))), static_cast<int>(n - c));
  }
}

// Words of a block of k. Where the sum is one chain whatever the blocks, few rows go over a panel from end to end: they wait
// for memory, which is fastest read straight on.
template <class T>
int64_t block_words(const Product& p) {
  return T::sum_words > T::block && p.m <= T::a_rows ? words_of<T>(p.k) : T::block;
}

// C block (m rows from i, n columns from j) from whole packed panels; b is at column j.
template <class T>
void block_from_panels(const Product& p, const void* a, const void* b, int64_t i, int64_t j, int64_t m, int64_t n, void* sums_scratch) {
  using Word = typename T::Word;
  const int64_t words = words_of<T>(p.k);
  const Sums sums = sums_of(p, i, j, n, sums_scratch);
  const int64_t block = block_words<T>(p);
  for (int64_t w = 0; w < words; w += block) {
    const int64_t count = min64(block, words - w);
    const bool last = w + count == words;
    block_product<T>(static_cast<const Word*>(a) + w * T::a_rows * T::a_words, words * T::a_rows * T::a_words, m,
                     static_cast<const Word*>(b) + w * kTileN, words * kTileN, n, count, sums.data, sums.ld, w == 0 && !p.accumulate,
                     last && p.bias != nullptr ? p.bias + j : nullptr);
  }
  finish(p, sums, i, j, m, n);
}

// The same with B packed here, one block of k at a time.
template <class T>
void block_packing_b(const Product& p, const void* a, int64_t j, int64_t n, void* b_scratch, void* sums_scratch) {
  using Word = typename T::Word;
  const int64_t words = words_of<T>(p.k);
  const Sums sums = sums_of(p, 0, j, n, sums_scratch);
  for (int64_t w = 0; w < words; w += T::block) {
    const int64_t count = min64(T::block, words - w);
    const int64_t k0 = w / T::step * T::places;
    const int64_t k = min64(count / T::step * T::places, p.k - k0);
    make_b_panels<T>(p, j, n, k0, k, 0, ceil_div(n, kTileN), b_scratch);
    block_product<T>(static_cast<const Word*>(a) + w * T::a_rows * T::a_words, words * T::a_rows * T::a_words, p.m,
                     static_cast<const Word*>(b_scratch), count * kTileN, n, count, sums.data, sums.ld, w == 0 && !p.accumulate,
                     w + count == words && p.bias != nullptr ? p.bias + j : nullptr);
  }
  finish(p, sums, 0, j, p.m, n);
}

// Bytes of a thread's scratch: a block of B and the float32 sums of `m` rows.
template <class T>
int64_t thread_b_bytes() {
  return T::block * kTaskN * 4;
}
inline int64_t thread_sums_bytes(const Product& p, int64_t m) { return p.out == DType::float32 ? 0 : align64(m * kTaskN * 4); }

}  // namespace ts::TS_ISA
