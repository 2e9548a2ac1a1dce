// What packed operands of matrix products consist of: the size of the register tile, the length of blocks of the sum, the words of panels.
#pragma once

#include "gemm.h"
#if defined(TS_ISA_amx)
#define TS_TILES 1
#include "kernels/gemm_parts.h"
#endif

namespace ts::TS_ISA {

#if defined(TS_TILES)
constexpr bool kHaveTiles = true;
#else
constexpr bool kHaveTiles = false;
#endif

// Rows and columns of the register tile: as many accumulators as registers allow beside vectors of B and one of A, and at least
// 2 x 4 of them, the latency of a fused multiply-add times its throughput. Of 9 x 3 and 14 x 2 the smaller is the faster: it
// takes 12 loads for 27 multiply-adds, the other 16 for 28. AMX's own tiles are of panels of two vectors.
#if defined(TS_TILES)
constexpr int kTileM = 14, kTileV = 2;  // 28 of 32 registers
#elif TS_VBYTES == 64
constexpr int kTileM = 9, kTileV = 3;  // 27 of 32
#elif TS_VBYTES == 32
constexpr int kTileM = 6, kTileV = 2;  // 12 of 16
#elif defined(__aarch64__)
constexpr int kTileM = 8, kTileV = 3;  // 24 of 32
#else
constexpr int kTileM = 4, kTileV = 2;  // 8 of 16; without fused multiply-add each needs a temporary
#endif
constexpr int kTileN = kTileV * kLanes;

// The length of one block of the sum. A block of a panel of B (at most 32 KB) stays in the first-level cache while the rows pass
// by. bfloat16 has twice the values in the same bytes.
constexpr int64_t kBlockK = kTileN > 32 ? 128 : 256;
constexpr int64_t kBlockKPairs = kBlockK;

// Panels of A of a task.
constexpr int kTaskPanels = kTileM == 9 ? 12 : 16;

// bfloat16 panels hold pairs of consecutive k as one word (low half: even k), what vdpbf16ps takes; other families split
// the word with a shift and a mask.
#if defined(__AVX512BF16__)
#define TS_DOT_BF16 1
TS_INLINE vf dot_bf16(vf acc, vu a, vu b) {
  return (vf)_mm512_dpbf16_ps((__m512)acc, (__m512bh)a, (__m512bh)b);
}
#elif defined(TS_ISA_wide)
#define TS_DOT_BF16 1
// The instruction's arithmetic: the odd product first, each step fused.
TS_INLINE vf dot_bf16(vf acc, vu a, vu b) {
  acc = fma(bits<vf>(a & 0xffff0000u), bits<vf>(b & 0xffff0000u), acc);
  return fma(bits<vf>(a << 16), bits<vf>(b << 16), acc);
}
#endif

// What panels consist of, for each compute type.
struct Float32 {
  using Word = float;
  static constexpr Compute compute = Compute::float32;
  static constexpr int per_word = 1;           // values of k per word
  static constexpr int64_t block = kBlockK;    // words per block of k
  static constexpr int64_t sum_words = block;  // words per block of the sum
  static constexpr int a_rows = kTileM;        // rows of a panel of A
  static constexpr int task_panels = kTaskPanels;
  static constexpr int a_words = 1;            // words of A's panel per word of B's
  static constexpr int step = 1;               // panels are padded with zeros to whole steps of words
  static constexpr int places = 1;             // values of k of a step
};
struct BFloat16 {
  using Word = uint32_t;
  static constexpr Compute compute = Compute::bfloat16;
  static constexpr int per_word = 2;
#if defined(TS_TILES)
  static constexpr int64_t block = 2 * kBlockKPairs;  // tiles read the second-level cache fast enough; C is the slower
  static constexpr int64_t sum_words = int64_t{1} << 40;  // one chain: blocks go on with the sum
  static constexpr int a_rows = 2 * kTileRows;
  static constexpr int task_panels = 8;
  static constexpr int a_words = 1;
  static constexpr int step = kTileWords;
  static constexpr int places = 2 * kTileWords;
#else
  static constexpr int64_t block = kBlockKPairs;
  static constexpr int64_t sum_words = block;
  static constexpr int a_rows = kTileM;
  static constexpr int task_panels = kTaskPanels;
#if defined(TS_DOT_BF16)
  static constexpr int a_words = 1;
#else
  static constexpr int a_words = 2;  // A is kept as rounded float32, ready to be spread over a vector
#endif
  static constexpr int step = 1;
  static constexpr int places = 2;
#endif
};

#if defined(TS_TILES)
// float32 taken apart (gemm_parts.h).
struct Float32Parts {
  using Word = uint32_t;
  static constexpr Compute compute = Compute::apart;
  static constexpr int64_t block = 16 * kParts * kTileWords;  // 512 values of k
  static constexpr int64_t sum_words = block;
  static constexpr int a_rows = 2 * kTileRows;
  static constexpr int task_panels = 8;
  static constexpr int a_words = 1;
  static constexpr int step = kParts * kTileWords;
  static constexpr int places = 2 * kTileWords;
};
#endif

template <class T>
constexpr int64_t words_of(int64_t k) {
  return (k + T::places - 1) / T::places * T::step;
}

}  // namespace ts::TS_ISA
