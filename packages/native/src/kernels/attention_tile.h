// The register tile of attention's products. A block of keys is small, so operands lie in plain rows and columns of the first
// two caches instead of packed panels.
#pragma once

#include "kernels/gemm_words.h"

namespace ts::TS_ISA {

// Keys of a block: every walk over a document's keys goes by these, counted from the document's start.
constexpr int kKeys = 64;
constexpr int kKeyPairs = kKeys / 2;

constexpr float kNothing = -__builtin_inff();

// Rows of the register tile beside two vectors of columns: 24, 12 or 8 accumulators.
#if TS_VBYTES == 64 || defined(__aarch64__)
constexpr int kStrip = 12;
#elif TS_VBYTES == 32
constexpr int kStrip = 6;
#else
constexpr int kStrip = 4;
#endif

// Rows that are few enough for tiles of four vectors, whose sums would else be too few to hide an addition's latency.
constexpr int kTileFewRows = kStrip == 12 ? 4 : 2;

// What operands consist of: float32 values, or pairs of bfloat16 along the inner dimension for the dot product instruction.
struct Singles {
  using Word = float;
  using Column = Word;  // what b's rows consist of
  using Vector = vf;
  static constexpr int per_word = 1;
  static TS_INLINE Vector columns(const Column* p) { return load(p); }
  static TS_INLINE Vector spread(Word x) { return splat(x); }
  static TS_INLINE vf step(Vector a, Vector b, vf sum) { return fma(a, b, sum); }
};
// The same with b in bfloat16, as it lies in a cache.
struct Halves : Singles {
  using Column = uint16_t;
  static TS_INLINE Vector columns(const Column* p) { return from_bf16(load_words(p)); }
};
#if defined(TS_DOT_BF16)
struct Pairs {
  using Word = uint32_t;
  using Column = Word;
  using Vector = vu;
  static constexpr int per_word = 2;
  static TS_INLINE Vector columns(const Column* p) {
    vu out;
    std::memcpy(&out, p, sizeof out);
    return out;
  }
  static TS_INLINE Vector spread(Word x) { return splat_u(x); }
  static TS_INLINE vf step(Vector a, Vector b, vf sum) { return dot_bf16(sum, a, b); }
};
#endif

// How a sum begins: from zero, from what is there, or from that times the row's factor.
enum class From { zero, there, scaled };

// What a product of few rows asks for meanwhile, `step` bytes with each step of its sum: more at once would wait for one another,
// and the product for them.
struct Upcoming {
  const char* at = nullptr;
  int64_t step = 0;
};

// The operands of c (rows, cols) = Σ a(row, i) b(i, col) over i in [lo, hi), ascending.
template <class T>
struct Tile {
  const typename T::Word* a;
  int64_t a_stride;  // between rows if these are the major ones, else between values of i
  const typename T::Column* b;
  int64_t b_stride;
  int64_t lo, hi;  // in words
  float* c;
  int64_t c_stride;
  const float* factors;
  Upcoming ahead{};
};

template <class T, bool kRowMajor, From kFrom, int R, int V>
__attribute__((noinline)) void tile_of(const Tile<T>& t, int64_t row, int64_t col) {
  vf sum[R][V];
  float* const c = t.c + row * t.c_stride + col;
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) {
      sum[r][v] = kFrom == From::zero ? vf{} : load(c + r * t.c_stride + v * kLanes);
      if constexpr (kFrom == From::scaled) sum[r][v] *= t.factors[row + r];
    }
  }
  const typename T::Word* a = kRowMajor ? t.a + row * t.a_stride + t.lo : t.a + row + t.lo * t.a_stride;
  const typename T::Column* b = t.b + col + t.lo * t.b_stride;
  const int64_t a_row = kRowMajor ? t.a_stride : 1, a_step = kRowMajor ? 1 : t.a_stride, b_step = t.b_stride;
  constexpr bool kAsks = R <= kStrip / 2;
  const char* ahead = t.ahead.at;
  const int64_t asked = row == 0 && col == 0 ? t.ahead.step : 0;
  for (int64_t i = t.lo; i < t.hi; ++i) {
    typename T::Vector column[V];
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) column[v] = T::columns(b + v * kLanes);
#pragma GCC unroll 16
    for (int r = 0; r < R; ++r) {
      const typename T::Vector value = T::spread(a[r * a_row]);
#pragma GCC unroll 16
      for (int v = 0; v < V; ++v) sum[r][v] = T::step(value, column[v], sum[r][v]);
    }
    a += a_step;
    b += b_step;
    if constexpr (kAsks) {
      for (int64_t byte = 0; byte < asked; byte += 64) __builtin_prefetch(ahead + byte);
      ahead += asked;
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < R; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < V; ++v) store(c + r * t.c_stride + v * kLanes, sum[r][v]);
  }
}

// R rows over `cols` columns, a multiple of kLanes.
template <class T, bool kRowMajor, From kFrom, int R>
TS_INLINE void tiles_of(const Tile<T>& t, int64_t row, int64_t cols) {
  int64_t col = 0;
  if constexpr (R <= kTileFewRows) {
    for (; col + 4 * kLanes <= cols; col += 4 * kLanes) tile_of<T, kRowMajor, kFrom, R, 4>(t, row, col);
  }
  for (; col + 2 * kLanes <= cols; col += 2 * kLanes) tile_of<T, kRowMajor, kFrom, R, 2>(t, row, col);
  if (col < cols) tile_of<T, kRowMajor, kFrom, R, 1>(t, row, col);
}

// At most kStrip rows. An element's sum is one chain, whatever tile makes it.
template <class T, bool kRowMajor, From kFrom>
inline void strip(const Tile<T>& t, int64_t rows, int64_t cols) {
  if (rows == kStrip) return tiles_of<T, kRowMajor, kFrom, kStrip>(t, 0, cols);
  int64_t row = 0;
  if (rows >= kStrip / 2) {
    tiles_of<T, kRowMajor, kFrom, kStrip / 2>(t, 0, cols);
    row = kStrip / 2;
  }
  for (; row + kTileFewRows <= rows; row += kTileFewRows) tiles_of<T, kRowMajor, kFrom, kTileFewRows>(t, row, cols);
  const int64_t left = rows - row;
  if constexpr (kTileFewRows == 4) {
    if (left == 3) return tiles_of<T, kRowMajor, kFrom, 3>(t, row, cols);
    if (left == 2) return tiles_of<T, kRowMajor, kFrom, 2>(t, row, cols);
  }
  if (left == 1) tiles_of<T, kRowMajor, kFrom, 1>(t, row, cols);
}

}  // namespace ts::TS_ISA
