// Products with int8 activations on AMX, for several rows of x. Sums over a unit are exact, so that a result has the bits
// that vectors give.
#pragma once

#include "core/memory.h"
#include "core/pool.h"
#include "kernels/gemm_amx.h"
#include "kernels/quant_round.h"

namespace ts::TS_ISA {

// Fewest rows of x for which a whole tile, of 16, costs less than vectors.
constexpr int64_t kTileRowsWorth = 9;

// One unit of 16 rows of activations.
struct TileActivation {
  int8_t q[kTileRows][kUnit];
  float scale[kTileRows], shift[kTileRows];  // shift: scale · Σ q, what an offset is multiplied by
};

// Rows row … row + 15 of the n of x; rows past the end are zeros.
inline void quantize_tile(const float* x, int64_t row, int64_t n, int64_t cols, TileActivation* out) {
  static_assert(kLanes == kTileRows);
  struct Out {
    TileActivation* at;
    int8_t* q(int i) const { return at->q[i]; }
    void rest(int i, float scale, vi first, vi second) const {
      at->scale[i] = scale;
      at->shift[i] = scale * static_cast<float>(sum_of_lanes(first + second));
    }
  };
  const int rows = static_cast<int>(n - row < kTileRows ? n - row : kTileRows);
  for (int64_t u = 0; u * kUnit < cols; ++u) {
    if (rows < kTileRows) out[u] = TileActivation{};
    quantize_units(x + row * cols + u * kUnit, cols, rows, cols - u * kUnit, Out{out + u});
  }
}

// One unit of a panel of 16 rows of the weight: its codes, signed, and the rows' scales and offsets. Where each half of the
// unit has a scale, the codes are there twice, with zeros for the other half.
template <class F>
struct TileUnit {
  uint32_t codes[F::kScales][8][kPanelRows];
  float scale[F::kScales][kPanelRows], offset[kPanelRows];

  void read(const F& f, int64_t u) {
    vf scales[F::kScales], low{};
    f.scales(u, 0, scales, low);
    for (int part = 0; part < F::kScales; ++part) store(scale[part], scales[part]);
    store(offset, low);
    if constexpr (F::kScales == 2) std::memset(codes, 0, sizeof codes);
    for (int w = 0; w < 8; ++w) {
      const __m512i stored = (__m512i)f.codes(u, w, 0);
      _mm512_storeu_si512(codes[w * F::kScales / 8][w], _mm512_sub_epi8(stored, _mm512_set1_epi8(F::kBias)));
    }
  }
};

// 16 rows of x against a panel: y[r][c] for r < rows, c < cols. Needs Tiles<kUnit>.
template <class F>
inline void tile_product(const TileUnit<F>* weight, const TileActivation* x, int64_t units, int64_t rows, int cols, const float* bias, float* y,
                         int64_t ldy) {
  alignas(64) int32_t sums[F::kScales][kTileRows * kTileRows];
  vf acc[kTileRows] = {};
  for (int64_t u = 0; u < units; ++u) {
#pragma GCC unroll 2
    for (int part = 0; part < F::kScales; ++part) tiles_int8(x[u].q, kUnit, weight[u].codes[part][0], sums[part]);
    vf scale[F::kScales];
#pragma GCC unroll 2
    for (int part = 0; part < F::kScales; ++part) scale[part] = load(weight[u].scale[part]);
#pragma GCC unroll 16
    for (int r = 0; r < kTileRows; ++r) {
#pragma GCC unroll 2
      for (int part = 0; part < F::kScales; ++part) {
        acc[r] = fma(__builtin_convertvector(load(sums[part] + r * kTileRows), vf), scale[part] * x[u].scale[r], acc[r]);
      }
      if constexpr (F::kOffset) acc[r] = fma(load(weight[u].offset), splat(x[u].shift[r]), acc[r]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kTileRows; ++r) {
    if (r < rows) store_n(y + r * ldy, bias == nullptr ? acc[r] : acc[r] + load_n(bias, cols), cols);
  }
}

// y (n, rows) = x (n, cols) weightᵀ + bias and what follows, x rounded to int8.
inline Status int8_tiles(const QuantSpec& s, const uint8_t* panels, const float* x, const float* bias, float* y, int64_t n, const Epilogue& after) {
  const int64_t units = units_of(s), stacks = ceil_div(n, kTileRows);
  const Scratch rounded(static_cast<size_t>(stacks * units) * sizeof(TileActivation));
  const size_t own_bytes = static_cast<size_t>(units) * sizeof(TileUnit<Q6_K>);  // the largest
  const Scratch scratch(own_bytes * static_cast<size_t>(threads()));
  if (!rounded || !scratch) return fail(Status::out_of_memory, "[quant_linear] no memory for %lld rows as int8", static_cast<long long>(n));
  TileActivation* const stack = rounded.as<TileActivation>();
  parallel_for(stacks, 1, [&](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) quantize_tile(x, i * kTileRows, n, s.cols, stack + i * units);
  });
  // Stacks in blocks that stay in the second-level cache while the panels pass by.
  const int64_t block = ceil_div(int64_t{1} << 20, units * static_cast<int64_t>(sizeof(TileActivation)) + 1);
  parallel_for(panels_of(s), 1, [&](int64_t begin, int64_t end, int slot) {
    const Tiles<kUnit> tiles;
    with_format(s.format, [&]<class F>() {
      auto* weight = scratch.as<TileUnit<F>>(own_bytes * static_cast<size_t>(slot));
      for (int64_t from = 0; from < stacks; from += block) {
        for (int64_t p = begin; p < end; ++p) {
          const F f(panels + p * panel_bytes(s), s);
          for (int64_t u = 0; u < units; ++u) weight[u].read(f, u);
          const int64_t column = p * kPanelRows, left = s.rows - column;
          const int cols = static_cast<int>(left < kPanelRows ? left : kPanelRows);
          for (int64_t i = from; i < stacks && i < from + block; ++i) {
            const int64_t row = i * kTileRows;
            float* const to = y + row * s.rows + column;
            after.prefetch(row, column, n - row < kTileRows ? n - row : kTileRows);
            tile_product<F>(weight, stack + i * units, units, n - row, cols, bias == nullptr ? nullptr : bias + column, to, s.rows);
            after.apply(to, s.rows, row, column, n - row < kTileRows ? n - row : kTileRows, cols);
          }
        }
      }
    });
  });
  return Status::ok;
}

}  // namespace ts::TS_ISA
