// The register tile of matrix products and how its loops run over packed panels.
#pragma once

#include "kernels/gemm_layout.h"

namespace ts::TS_ISA {

// What is read after a tile, asked for while it is made, a little with each word of k.
struct Following {
  const char* a;    // the panel of A behind this one, into the first-level cache
  const char* b;    // a part of the panel of B behind this one, into the second-level one
  int64_t b_bytes;  // with each word: a line, or nothing
};

// acc[r][v] += sum over `count` words. a: one panel of A (kTileM wide); b: V vectors of panels of kTileN columns, `b_stride` words
// apart. A whole tile is one of many over the same B; fewer rows are mostly all there are, and B comes from memory.
template <class T, int R, int V>
TS_INLINE void accumulate(const typename T::Word* a, const typename T::Word* b, int64_t b_stride, int64_t count, Following next,
                          vf (&acc)[R][V]) {
  for (int64_t i = 0; i < count; ++i) {
    if constexpr (R < kTileM) {
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) {
        __builtin_prefetch(reinterpret_cast<const char*>(b + (v / kTileV) * b_stride + (v % kTileV) * kLanes) + kStreamAhead);
      }
    } else {
      __builtin_prefetch(next.a);
      next.a += kTileM * T::a_words * 4;
      __builtin_prefetch(next.b, 0, 2);
      next.b += next.b_bytes;
    }
    if constexpr (T::per_word == 1) {
      vf column[V];
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) column[v] = load(b + (v / kTileV) * b_stride + (v % kTileV) * kLanes);
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const vf row = splat(a[r]);
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) acc[r][v] = fma(row, column[v], acc[r][v]);
      }
    } else {
#if defined(TS_DOT_BF16)
      vu column[V];
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) std::memcpy(&column[v], b + (v / kTileV) * b_stride + (v % kTileV) * kLanes, sizeof(vu));
#pragma GCC unroll 16
      for (int r = 0; r < R; ++r) {
        const vu row = splat_u(a[r]);
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) acc[r][v] = dot_bf16(acc[r][v], row, column[v]);
      }
#else
#pragma GCC unroll 2
      for (int half = 0; half < 2; ++half) {
        vf column[V];
#pragma GCC unroll 16
        for (int v = 0; v < V; ++v) {
          vu pair;
          std::memcpy(&pair, b + (v / kTileV) * b_stride + (v % kTileV) * kLanes, sizeof pair);
          column[v] = bits<vf>(half == 0 ? pair << 16 : pair & 0xffff0000u);
        }
        const float* values = reinterpret_cast<const float*>(a) + half * kTileM;
#pragma GCC unroll 16
        for (int r = 0; r < R; ++r) {
          const vf row = splat(values[r]);
#pragma GCC unroll 16
          for (int v = 0; v < V; ++v) acc[r][v] = fma(row, column[v], acc[r][v]);
        }
      }
#endif
    }
    a += kTileM * T::a_words;
    b += kTileN;
  }
}

// A block of a panel of pairs as float32, first and second of a pair one after the other.
inline void unpack_pairs(const uint32_t* pairs, int64_t count, float* out) {
  for (int64_t i = 0; i < count; ++i, pairs += kTileN, out += 2 * kTileN) {
#pragma GCC unroll 4
    for (int v = 0; v < kTileV; ++v) {
      vu pair;
      std::memcpy(&pair, pairs + v * kLanes, sizeof pair);
      store(out + v * kLanes, bits<vf>(pair << 16));
      store(out + kTileN + v * kLanes, bits<vf>(pair & 0xffff0000u));
    }
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

template <class T, int R, int V>
__attribute__((noinline)) void tile(const typename T::Word* a, const typename T::Word* b, int64_t b_stride, int64_t count,
                                    const TileTarget& target, const Following& next) {
  // C comes from memory at first, and from the second-level cache later; it is wanted at the end.
  for (int64_t r = 0; r < min64(R, target.rows); ++r) {
    for (int64_t v = 0; v < target.cols; v += kLanes) __builtin_prefetch(target.c + r * target.ldc + v, 1);
  }
  vf acc[R][V] = {};
  accumulate<T, R, V>(a, b, b_stride, count, next, acc);
  const bool whole = target.rows == R && target.cols == V * kLanes;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
    if (!whole && r >= target.rows) break;
    float* row = target.c + r * target.ldc;
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
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

// One panel of A against V vectors of panels of B, with the smallest tile that covers the rows.
template <class T, int V>
TS_INLINE void tile_rows(const typename T::Word* a, const typename T::Word* b, int64_t b_stride, int64_t count, const TileTarget& target,
                         const Following& next) {
  if constexpr (V <= kTileV) {
    if (target.rows > kTileM / 2 + 1) return tile<T, kTileM, V>(a, b, b_stride, count, target, next);
    if (target.rows > 2) return tile<T, (kTileM / 2 + 1), V>(a, b, b_stride, count, target, next);
  }
  if (target.rows == 2) return tile<T, 2, V>(a, b, b_stride, count, target, next);
  tile<T, 1, V>(a, b, b_stride, count, target, next);
}

// Where the sums of a panel of B go, `cols` columns of C for all rows, and what is read next: `next_bytes` bytes.
struct PanelTarget {
  float* c;
  int64_t ldc, cols;
  bool first;
  const float* bias;
  const void* next;
  int64_t next_bytes;
};

// m rows of A against one panel of B, or two where there are more columns.
template <class T>
inline void panel_product(const typename T::Word* a, int64_t a_stride, int64_t m, const typename T::Word* b, int64_t b_stride, int64_t count,
                          const PanelTarget& to) {
  constexpr int64_t kLine = 64;
  const char* ahead = static_cast<const char*>(to.next);
  const char* const end = ahead + to.next_bytes;
  for (int64_t i = 0; i < m; i += kTileM, a += a_stride, ahead += count * kLine) {
    const TileTarget target{to.c + i * to.ldc, to.ldc, min64(m - i, kTileM), to.cols, to.first, to.bias};
    const Following next{reinterpret_cast<const char*>(a + (i + kTileM < m ? a_stride : 0)), ahead, ahead < end ? kLine : 0};
    if (to.cols > kTileN) {
      tile_rows<T, 2 * kTileV>(a, b, b_stride, count, target, next);
    } else if (to.cols <= kLanes) {
      tile_rows<T, 1>(a, b, b_stride, count, target, next);
    } else if (to.cols <= 2 * kLanes) {
      tile_rows<T, 2>(a, b, b_stride, count, target, next);
    } else {
      tile_rows<T, kTileV>(a, b, b_stride, count, target, next);
    }
  }
}

// C (m, n) over one block of k: `count` words of each panel. Panels of A and B lie a_stride and b_stride words apart.
template <class T>
inline void block_product(const typename T::Word* a, int64_t a_stride, int64_t m, const typename T::Word* b, int64_t b_stride,
                          int64_t n, int64_t count, float* c, int64_t ldc, bool first, const float* bias) {
  // Pairs that no instruction multiplies are taken apart once for many rows of A, whose words are float32 already.
  constexpr bool kUnpacks = T::a_words == 2;
  alignas(64) float whole[kUnpacks ? 2 * T::block * kTileN : 1];
  // Panels of B outside, of A inside: B's block stays in the first-level cache.
  for (int64_t j = 0; j < n;) {
    // Two panels at once keep enough sums in flight where one or two rows of one do not.
    const int64_t cols = min64(n - j, m <= 2 ? 2 * kTileN : kTileN);
    const PanelTarget target{c + j, ldc, cols, first, bias == nullptr ? nullptr : bias + j, b + b_stride, j + cols < n ? count * kTileN * 4 : 0};
    if (kUnpacks && m > 2 * kTileM) {
      if constexpr (kUnpacks) {
        unpack_pairs(b, count, whole);
        panel_product<Float32>(reinterpret_cast<const float*>(a), a_stride, m, whole, 0, 2 * count, target);
      }
    } else {
      panel_product<T>(a, a_stride, m, b, b_stride, count, target);
    }
    b += ceil_div(cols, kTileN) * b_stride;
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
