// The register tile of matrix products and how its loops run over packed panels.
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

// Rows and columns of the register tile: as many accumulators as registers allow beside two vectors of B and one of A,
// and at least 2 x 4 of them, the latency of a fused multiply-add times its throughput.
#if TS_VBYTES == 64
constexpr int kTileM = 14, kTileV = 2;  // 28 of 32 registers
#elif TS_VBYTES == 32
constexpr int kTileM = 6, kTileV = 2;  // 12 of 16
#elif defined(__aarch64__)
constexpr int kTileM = 8, kTileV = 3;  // 24 of 32
#else
constexpr int kTileM = 4, kTileV = 2;  // 8 of 16; without fused multiply-add each needs a temporary
#endif
constexpr int kTileN = kTileV * kLanes;

// The length of one block of the sum. A block of a panel of B (32 columns: 32 KB) stays in the first-level cache while
// the rows pass by. bfloat16 has twice the values in the same bytes.
constexpr int64_t kBlockK = 256;
constexpr int64_t kBlockKPairs = 256;

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
  static constexpr int task_panels = 16;       // panels of A of a task
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
  static constexpr int task_panels = 16;
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

// acc[r][v] += sum over `count` words. a: one panel of A (kTileM wide); b: panels of kTileN columns, `b_stride` words apart.
template <class T, int R, int P>
TS_INLINE void accumulate(const typename T::Word* a, const typename T::Word* b, int64_t b_stride, int64_t count,
                          vf (&acc)[R][P * kTileV]) {
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (T::per_word == 1) {
      vf column[P * kTileV];
#pragma GCC unroll 16
      for (int v = 0; v < P * kTileV; ++v) column[v] = load(b + (v / kTileV) * b_stride + (v % kTileV) * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const vf row = splat(a[r]);
#pragma GCC unroll 16
        for (int v = 0; v < P * kTileV; ++v) acc[r][v] = fma(row, column[v], acc[r][v]);
      }
    } else {
#if defined(TS_DOT_BF16)
      vu column[P * kTileV];
#pragma GCC unroll 16
      for (int v = 0; v < P * kTileV; ++v) std::memcpy(&column[v], b + (v / kTileV) * b_stride + (v % kTileV) * kLanes, sizeof(vu));
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const vu row = splat_u(a[r]);
#pragma GCC unroll 16
        for (int v = 0; v < P * kTileV; ++v) acc[r][v] = dot_bf16(acc[r][v], row, column[v]);
      }
#else
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        vf column[P * kTileV];
#pragma GCC unroll 16
        for (int v = 0; v < P * kTileV; ++v) {
          vu pair;
          std::memcpy(&pair, b + (v / kTileV) * b_stride + (v % kTileV) * kLanes, sizeof pair);
          column[v] = bits<vf>(half == 0 ? pair << 16 : pair & 0xffff0000u);
        }
        const float* values = reinterpret_cast<const float*>(a) + half * kTileM;
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const vf row = splat(values[r]);
#pragma GCC unroll 16
          for (int v = 0; v < P * kTileV; ++v) acc[r][v] = fma(row, column[v], acc[r][v]);
        }
      }
#endif
    }
    a += kTileM * T::a_words;
    b += kTileN;
  }
}

// Where a tile's sums go: rows `ldc` floats apart; `first` overwrites, later blocks add; bias comes with the last.
struct TileTarget {
  float* c;
  int64_t ldc;
  int64_t rows, cols;  // valid ones, at most the tile's
  bool first;
  const float* bias;
};

template <class T, int R, int P>
__attribute__((noinline)) void tile(const typename T::Word* a, const typename T::Word* b, int64_t b_stride, int64_t count,
                                    const TileTarget& target) {
  vf acc[R][P * kTileV] = {};
  accumulate<T, R, P>(a, b, b_stride, count, acc);
  const bool whole = target.rows == R && target.cols == P * kTileN;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    if (!whole && r >= target.rows) break;
    float* row = target.c + r * target.ldc;
#pragma GCC unroll 16
    for (int v = 0; v < P * kTileV; ++v) {
      vf sum = acc[r][v];
      if (whole) {
        if (!target.first) sum = load(row + v * kLanes) + sum;
        if (target.bias != nullptr) sum += load(target.bias + v * kLanes);
        store(row + v * kLanes, sum);
        continue;
      }
      const int64_t left = target.cols - v * kLanes;
      if (left <= 0) break;
      const int n = left < kLanes ? static_cast<int>(left) : kLanes;
      if (!target.first) sum = load_n(row + v * kLanes, n) + sum;
      if (target.bias != nullptr) sum += load_n(target.bias + v * kLanes, n);
      store_n(row + v * kLanes, sum, n);
    }
  }
}

// One panel of A against P panels of B, with the smallest tile that covers the rows: short tiles skip work on padding and,
// being narrower in rows, take more columns at once to keep enough sums in flight.
template <class T, int P>
TS_INLINE void tile_rows(const typename T::Word* a, const typename T::Word* b, int64_t b_stride, int64_t count,
                         const TileTarget& target) {
  if constexpr (P == 1) {
    if (target.rows > kTileM / 2 + 1) return tile<T, kTileM, 1>(a, b, b_stride, count, target);
    if (target.rows > 2) return tile<T, (kTileM / 2 + 1), 1>(a, b, b_stride, count, target);
    if (target.rows == 2) return tile<T, 2, 1>(a, b, b_stride, count, target);
    return tile<T, 1, 1>(a, b, b_stride, count, target);
  } else {
    if (target.rows == 2) return tile<T, 2, P>(a, b, b_stride, count, target);
    return tile<T, 1, P>(a, b, b_stride, count, target);
  }
}

// C (m, n) over one block of k: `count` words of each panel. Panels of A and B lie a_stride and b_stride words apart.
template <class T>
inline void block_product(const typename T::Word* a, int64_t a_stride, int64_t m, const typename T::Word* b, int64_t b_stride,
                          int64_t n, int64_t count, float* c, int64_t ldc, bool first, const float* bias) {
  constexpr int kWide = 2;
  // Panels of B outside, of A inside: B's block stays in the first-level cache.
  for (int64_t j = 0; j < n;) {
    const bool wide = m <= 2 && n - j > kTileN;
    const int64_t width = wide ? kWide * kTileN : kTileN;
    const int64_t cols = n - j < width ? n - j : width;
    const typename T::Word* bp = b + j / kTileN * b_stride;
    for (int64_t i = 0; i < m; i += kTileM) {
      const int64_t rows = m - i < kTileM ? m - i : kTileM;
      const TileTarget target{c + i * ldc + j, ldc, rows, cols, first, bias == nullptr ? nullptr : bias + j};
      const typename T::Word* ap = a + i / kTileM * a_stride;
      if (wide) {
        tile_rows<T, kWide>(ap, bp, b_stride, count, target);
      } else {
        tile_rows<T, 1>(ap, bp, b_stride, count, target);
      }
    }
    j += cols;
  }
}

#if defined(TS_TILES)
template <>
inline void block_product<BFloat16>(const uint32_t* a, int64_t a_stride, int64_t m, const uint32_t* b, int64_t b_stride, int64_t n,
                                    int64_t count, float* c, int64_t ldc, bool first, const float* bias) {
  tiles_product(a, a_stride, m, b, b_stride, n, count / BFloat16::step, c, ldc, first, bias);
}
template <>
inline void block_product<Float32Parts>(const uint32_t* a, int64_t a_stride, int64_t m, const uint32_t* b, int64_t b_stride, int64_t n,
                                        int64_t count, float* c, int64_t ldc, bool first, const float* bias) {
  parts_product(a, a_stride, m, b, b_stride, n, count / Float32Parts::step, c, ldc, first, bias);
}
#endif

}  // namespace ts::TS_ISA
