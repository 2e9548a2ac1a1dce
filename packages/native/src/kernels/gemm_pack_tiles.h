// Packing A for tiles (AMX): for each step of k all rows of a panel, the words of a row's step together.
#pragma once

#include "kernels/gemm_words.h"

namespace ts::TS_ISA {

// One step of k of a panel: `count` places from `at` on. A tile of rows that aren't there is not written: nobody reads it.
template <int W, DType D>
inline void pack_pairs_step(const PackSource& s, int64_t lane0, int64_t lanes, int64_t at, int count, uint32_t* out) {
  static_assert(kTileWords == kLanes && W % kLanes == 0);
  for (int g = 0; g < W && g < lanes; g += kLanes) {
    const int n = real_lanes(lanes - g);
    vu block[kLanes];
    if (s.lane_stride == 1) {
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) block[i] = load_row_pair<D>(s, at + 2 * i, at + count, lane0 + g, n);
      transpose(block);
    } else {
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) {
        block[l] = l < n ? load_pairs<D>(s.data, (lane0 + g + l) * s.lane_stride + at, count) : vu{};
      }
    }
#pragma GCC unroll 16
    for (int l = 0; l < kLanes; ++l) std::memcpy(out + (g + l) * kTileWords, &block[l], sizeof(vu));
  }
}

template <int W, DType D>
inline void pack_parts_step(const PackSource& s, int64_t lane0, int64_t lanes, int64_t at, int count, uint32_t* out) {
  for (int g = 0; g < W && g < lanes; g += kLanes) {
    const int n = real_lanes(lanes - g);
    alignas(64) float values[kLanes][2 * kLanes];
    for (int half = 0; half < 2 * kLanes; half += kLanes) {
      const int left = real_lanes(count - half);
      vu block[kLanes];
      if (s.lane_stride == 1) {
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          block[i] = i < left ? bits<vu>(load_values<D>(s.data, (at + half + i) * s.k_stride + lane0 + g, n)) : vu{};
        }
        transpose(block);
      } else {
#pragma GCC unroll 16
        for (int l = 0; l < kLanes; ++l) {
          block[l] = l < n ? bits<vu>(load_values<D>(s.data, (lane0 + g + l) * s.lane_stride + at + half, left)) : vu{};
        }
      }
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) store(values[l] + half, bits<vf>(block[l]));
    }
    for (int l = 0; l < kLanes; ++l) split_row(load(values[l]), load(values[l] + kLanes), out + (g + l) * kTileWords);
  }
}

template <class T, int W, DType D>
inline void pack_tiles(const PackSource& s, int64_t first, int64_t last, int64_t lanes, int64_t k, uint32_t* out, int64_t panel_words) {
  constexpr int64_t places = T::places, step_words = int64_t{W} * T::step;
  const int64_t abreast = s.lane_stride == 1 ? kAbreast : 1;
  for (int64_t begin = first; begin < last; begin += abreast) {
    const int64_t end = begin + abreast < last ? begin + abreast : last;
    for (int64_t at = 0; at < k; at += places) {
      const int count = k - at < places ? static_cast<int>(k - at) : static_cast<int>(places);
      for (int64_t panel = begin; panel < end; ++panel) {
        uint32_t* const step = out + panel * panel_words + at / places * step_words;
        if constexpr (T::compute == Compute::apart) {
          pack_parts_step<W, D>(s, panel * W, lanes - panel * W, at, count, step);
        } else {
          pack_pairs_step<W, D>(s, panel * W, lanes - panel * W, at, count, step);
        }
      }
    }
  }
}

}  // namespace ts::TS_ISA
