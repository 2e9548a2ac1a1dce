// Products on AMX, of bfloat16, of float32 taken apart, and of int8: the register file of eight tiles, 16 rows of 64 bytes each.
//
// One step (tdpbf16ps) adds to each sum the products of 32 consecutive k: those of even k in one fused chain from zero,
// those of odd k in another, then sum += even + odd. So an element of C is one chain over k in steps of 32, whatever the
// blocks; TileSums repeats a step's bits on vectors.
#pragma once

#include "simd.h"

namespace ts::TS_ISA {

// Rows of a tile, and words (pairs of k) of a step.
constexpr int kTileRows = 16, kTileWords = 16;

// Tests bring these along where the processor has no tiles (test/emulated.h). GCC's own wrappers do not say that they read and
// write memory.
#if !defined(TS_TILE_CONFIGURE)
#define TS_TILE_CONFIGURE(config) asm volatile("ldtilecfg %0" : : "m"(config))
#define TS_TILE_RELEASE() asm volatile("tilerelease" : :)
#define TS_TILE_LOAD(tile, from, stride) \
  asm volatile("tileloadd (%0,%1,1), %%tmm" #tile : : "r"(from), "r"(static_cast<int64_t>(stride)) : "memory")
#define TS_TILE_STORE(tile, to, stride) \
  asm volatile("tilestored %%tmm" #tile ", (%0,%1,1)" : : "r"(to), "r"(static_cast<int64_t>(stride)) : "memory")
#define TS_TILE_ZERO(tile) asm volatile("tilezero %%tmm" #tile : :)
#define TS_TILE_DOT(sum, a, b) asm volatile("tdpbf16ps %%tmm" #b ", %%tmm" #a ", %%tmm" #sum : :)
#define TS_TILE_DOT_INT8(sum, a, b) asm volatile("tdpbssd %%tmm" #b ", %%tmm" #a ", %%tmm" #sum : :)
#endif

// All tiles whole but for the length of a step: kBytes of a row of A (tiles 4 and 5), so many quarters of rows of B (6 and
// 7). The registers are given back at the end: a thread that keeps them pays for them in every switch.
template <int kBytes = 64>
class Tiles {
 public:
  Tiles() {
    struct alignas(64) Config {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t row_bytes[16] = {64, 64, 64, 64, kBytes, kBytes, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, kBytes / 4, kBytes / 4};
    };
    static constexpr Config config;
    TS_TILE_CONFIGURE(config);
  }
  ~Tiles() { TS_TILE_RELEASE(); }
  Tiles(const Tiles&) = delete;
  Tiles& operator=(const Tiles&) = delete;
};

// What follows in memory and is wanted soon, asked for into the second-level cache while tiles are multiplied: they are done before the
// processor has seen by itself where reading goes on.
struct Ahead {
  const char* at = nullptr;
  int64_t lines = 0;  // for each step

  TS_INLINE void step() {
    for (int64_t l = 0; l < lines; ++l) __builtin_prefetch(at + l * 64, 0, 2);
    advance(1);
  }
  TS_INLINE void advance(int64_t steps) { at += steps * lines * 64; }
};

// The next panel of A, while the one before meets panels of B with n columns. Its steps have `lines` lines of the cache.
TS_INLINE Ahead next_panel(const void* panel, int64_t lines, bool exists, int64_t n) {
  return {static_cast<const char*>(panel), exists ? ceil_div(lines, ceil_div(n, 2 * kTileWords)) : 0};
}

// How a product of tiles walks its operands: strides between rows of a tile in bytes, what a step advances in words.
struct TileWalk {
  int64_t a_stride, a_step, b_stride, b_step;
};

// C (16 R, 16 V) = (first ? 0 : C) + A B over `steps` steps of k. a: rows of pairs of k; b: pairs of k by columns.
// kStream: B comes from memory, once, and is asked for ahead of its use.
template <int R, int V, bool kStream = false>
TS_INLINE void tiles_block(const TileWalk& walk, const uint32_t* a, const uint32_t* b, int64_t steps, float* c, int64_t ldc, bool first,
                           Ahead ahead = {}) {
  const int64_t a_stride = walk.a_stride, b_stride = walk.b_stride, c_stride = ldc * 4;
  const uint32_t* a_below = a + kTileRows * a_stride / 4;
  float* const below = c + kTileRows * ldc;
  if (first) {
    TS_TILE_ZERO(0);
    if constexpr (V == 2) TS_TILE_ZERO(1);
    if constexpr (R == 2) TS_TILE_ZERO(2);
    if constexpr (R == 2 && V == 2) TS_TILE_ZERO(3);
  } else {
    TS_TILE_LOAD(0, c, c_stride);
    if constexpr (V == 2) TS_TILE_LOAD(1, c + kTileWords, c_stride);
    if constexpr (R == 2) TS_TILE_LOAD(2, below, c_stride);
    if constexpr (R == 2 && V == 2) TS_TILE_LOAD(3, below + kTileWords, c_stride);
  }
  for (int64_t i = 0; i < steps; ++i) {
    if constexpr (kStream) {
      const char* next = reinterpret_cast<const char*>(b) + kStreamAhead;
      for (int64_t line = 0; line < V * kTileRows; ++line) __builtin_prefetch(next + line * 64);
    }
    ahead.step();
    TS_TILE_LOAD(4, a, a_stride);
    TS_TILE_LOAD(6, b, b_stride);
    TS_TILE_DOT(0, 4, 6);
    if constexpr (V == 2) {
      TS_TILE_LOAD(7, b + kTileWords, b_stride);
      TS_TILE_DOT(1, 4, 7);
    }
    if constexpr (R == 2) {
      TS_TILE_LOAD(5, a_below, a_stride);
      TS_TILE_DOT(2, 5, 6);
      if constexpr (V == 2) TS_TILE_DOT(3, 5, 7);
    }
    a += walk.a_step;
    a_below += walk.a_step;
    b += walk.b_step;
  }
  TS_TILE_STORE(0, c, c_stride);
  if constexpr (V == 2) TS_TILE_STORE(1, c + kTileWords, c_stride);
  if constexpr (R == 2) TS_TILE_STORE(2, below, c_stride);
  if constexpr (R == 2 && V == 2) TS_TILE_STORE(3, below + kTileWords, c_stride);
}

// The same for whole tiles in any number, two by two.
inline void tiles_grid(const TileWalk& walk, const uint32_t* a, int64_t rows, const uint32_t* b, int64_t cols, int64_t steps, float* c,
                       int64_t ldc, bool first) {
  for (int64_t j = 0; j < cols; j += 2 * kTileWords) {
    const bool wide = cols - j > kTileWords;
    for (int64_t i = 0; i < rows; i += 2 * kTileRows) {
      const uint32_t* ap = a + i * walk.a_stride / 4;
      float* const at = c + i * ldc + j;
      if (rows - i > kTileRows) {
        if (wide) tiles_block<2, 2>(walk, ap, b + j, steps, at, ldc, first);
        else tiles_block<2, 1>(walk, ap, b + j, steps, at, ldc, first);
      } else {
        if (wide) tiles_block<1, 2>(walk, ap, b + j, steps, at, ldc, first);
        else tiles_block<1, 1>(walk, ap, b + j, steps, at, ldc, first);
      }
    }
  }
}

// Parts of a float32 (gemm_parts.h), and words of one of them in a panel's step.
constexpr int kParts = 3;
constexpr int64_t kPartWords = 2 * kTileRows * kTileWords;

// sums (16 R, 32) = A B, where A and B are sums of three bfloat16 each, of falling size: the six products that float32 can tell,
// those of the small parts first. A step: for each part all rows of A (16 words each), all words of B (32 columns each).
template <int R>
TS_INLINE void tiles_parts_block(const uint32_t* a, const uint32_t* b, int64_t steps, float* sums, Ahead ahead) {
  constexpr int64_t kBelow = kTileRows * kTileWords, kARow = kTileWords * 4, kBRow = 2 * kTileWords * 4;
  TS_TILE_ZERO(0);
  TS_TILE_ZERO(1);
  if constexpr (R == 2) {
    TS_TILE_ZERO(2);
    TS_TILE_ZERO(3);
  }
  const auto load_a = [](const uint32_t* part) __attribute__((always_inline)) {
    TS_TILE_LOAD(4, part, kARow);
    if constexpr (R == 2) TS_TILE_LOAD(5, part + kBelow, kARow);
  };
  const auto load_b = [](const uint32_t* part) __attribute__((always_inline)) {
    TS_TILE_LOAD(6, part, kBRow);
    TS_TILE_LOAD(7, part + kTileWords, kBRow);
  };
  const auto dot = []() __attribute__((always_inline)) {
    TS_TILE_DOT(0, 4, 6);
    TS_TILE_DOT(1, 4, 7);
    if constexpr (R == 2) {
      TS_TILE_DOT(2, 5, 6);
      TS_TILE_DOT(3, 5, 7);
    }
  };
  for (int64_t i = 0; i < steps; ++i) {
    ahead.step();
    // Each product keeps one operand of the one before it.
    load_a(a + 2 * kPartWords);
    load_b(b);
    dot();
    load_a(a + kPartWords);
    dot();
    load_b(b + kPartWords);
    dot();
    load_a(a);
    dot();
    load_b(b + 2 * kPartWords);
    dot();
    load_b(b);
    dot();
    a += kParts * kPartWords;
    b += kParts * kPartWords;
  }
  TS_TILE_STORE(0, sums, kBRow);
  TS_TILE_STORE(1, sums + kTileWords, kBRow);
  if constexpr (R == 2) {
    TS_TILE_STORE(2, sums + 2 * kBelow, kBRow);
    TS_TILE_STORE(3, sums + 2 * kBelow + kTileWords, kBRow);
  }
}

// `steps` times four independent products of whole tiles, in registers only. Numbers of every mantissa and both signs: tiles
// of zeros cost so little power that the processor runs them at a clock which it never holds. Needs Tiles.
inline void tiles_peak(int64_t steps) {
  alignas(64) uint32_t numbers[kTileRows * kTileWords];
  uint32_t word = 1;
  for (uint32_t& pair : numbers) {
    word = word * 1664525u + 1013904223u;
    pair = 0x3f003f00u | (word & 0x807f0000u) | ((word >> 8) & 0x807fu);
  }
  TS_TILE_LOAD(4, numbers, 64);
  TS_TILE_LOAD(5, numbers, 64);
  TS_TILE_LOAD(6, numbers, 64);
  TS_TILE_LOAD(7, numbers, 64);
  for (int64_t i = 0; i < steps; ++i) {
    TS_TILE_DOT(0, 4, 6);
    TS_TILE_DOT(1, 4, 7);
    TS_TILE_DOT(2, 5, 6);
    TS_TILE_DOT(3, 5, 7);
  }
}

// sums (16, 16) int32 = A B: rows of int8 `a_stride` bytes apart, and quadruples of k by columns. Needs Tiles<k>.
TS_INLINE void tiles_int8(const void* a, int64_t a_stride, const uint32_t* b, int32_t* sums) {
  TS_TILE_ZERO(0);
  TS_TILE_LOAD(4, a, a_stride);
  TS_TILE_LOAD(6, b, 64);
  TS_TILE_DOT_INT8(0, 4, 6);
  TS_TILE_STORE(0, sums, 64);
}

#undef TS_TILE_CONFIGURE
#undef TS_TILE_RELEASE
#undef TS_TILE_LOAD
#undef TS_TILE_STORE
#undef TS_TILE_ZERO
#undef TS_TILE_DOT
#undef TS_TILE_DOT_INT8

// C (m, n) over `steps` steps of k: panels of 32 rows and 32 columns, a_stride and b_stride words apart.
inline void tiles_product(const uint32_t* a, int64_t a_stride, int64_t m, const uint32_t* b, int64_t b_stride, int64_t n, int64_t steps,
                          float* c, int64_t ldc, bool first, const float* bias) {
  constexpr int64_t kRows = 2 * kTileRows, kCols = 2 * kTileWords;
  constexpr TileWalk walk{kTileWords * 4, kRows * kTileWords, kCols * 4, kCols * kTileWords};
  alignas(64) float edge[kRows * kCols];
  const Tiles<> tiles;
  for (int64_t i = 0; i < m; i += kRows, a += a_stride) {
    const int64_t rows = min64(kRows, m - i);
    const uint32_t* bp = b;
    Ahead ahead = next_panel(a + a_stride, kRows, i + kRows < m, n);
    for (int64_t j = 0; j < n; j += kCols, bp += b_stride, ahead.advance(steps)) {
      const int64_t cols = min64(kCols, n - j);
      const bool whole = cols == kCols && (rows == kRows || rows == kTileRows);
      float* const at = c + i * ldc + j;
      float* const sums = whole ? at : edge;
      const int64_t ld = whole ? ldc : kCols;
      if (!whole && !first) {
        for (int64_t r = 0; r < rows; ++r) std::memcpy(edge + r * kCols, at + r * ldc, static_cast<size_t>(cols) * 4);
      }
      if (rows > kTileRows) {
        tiles_block<2, 2>(walk, a, bp, steps, sums, ld, first, ahead);
      } else {
        tiles_block<1, 2, true>(walk, a, bp, steps, sums, ld, first, ahead);
      }
      if (whole && bias == nullptr) continue;
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t v = 0; v < cols; v += kLanes) {
          const int left = cols - v < kLanes ? static_cast<int>(cols - v) : kLanes;
          vf x = load(sums + r * ld + v);
          if (bias != nullptr) x += load_n(bias + j + v, left);
          store_n(at + r * ldc + v, x, left);
        }
      }
    }
  }
}

// One step's sums as a tile makes them, on vectors of 16 columns: for kernels that have B in registers.
template <int R, int V>
struct TileSums {
  static_assert(kLanes == kTileWords);
  static constexpr uint32_t kEven = 0xffffu, kOdd = 0xffff0000u;
  vf even[R][V] = {}, odd[R][V] = {};

  // `a`: the row's pair in every lane, `b`: the pairs of 16 columns; pairs in ascending k.
  TS_INLINE void add(int r, int v, vu a, vu b) { add_halves(r, v, a & kEven, a & kOdd, b); }
  // With the pair's halves apart, each beside a zero. b's are set apart too: what is not finite would make NaN of the zero.
  TS_INLINE void add_halves(int r, int v, vu a_even, vu a_odd, vu b) {
    even[r][v] = (vf)_mm512_dpbf16_ps((__m512)even[r][v], (__m512bh)a_even, (__m512bh)(b & kEven));
    odd[r][v] = (vf)_mm512_dpbf16_ps((__m512)odd[r][v], (__m512bh)a_odd, (__m512bh)(b & kOdd));
  }
  TS_INLINE void into(vf (&acc)[R][V]) const {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) acc[r][v] = acc[r][v] + (even[r][v] + odd[r][v]);
    }
  }
};

}  // namespace ts::TS_ISA
