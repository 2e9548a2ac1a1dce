// Packing: operands of any transposition and dtype become panels, in which the tile's loop reads memory straight on.
// A panel holds W rows (of A) or columns (of B), "lanes" here: for each word of k, W words. Lanes past the end are zeros.
#pragma once

#include "kernels/gemm_words.h"
#if defined(TS_TILES)
#include "kernels/gemm_pack_tiles.h"
#endif

namespace ts::TS_ISA {

// Writes one panel row by row. A vector may reach past its own W words into the next row, which is written later; the last
// rows are written in part.
template <int W>
struct PanelWriter {
  uint32_t* out;
  int64_t rows;
  TS_INLINE void put(int64_t row, int group, vu x) const {
    uint32_t* p = out + row * W + group * kLanes;
    constexpr int rest = W % kLanes;
    const bool partial = rest != 0 && (group + 1) * kLanes > W;
    if (partial && (row + 1) * W + kLanes - rest > rows * W) {
      std::memcpy(p, &x, static_cast<size_t>(rest) * 4);
    } else {
      std::memcpy(p, &x, sizeof x);
    }
  }
};

// How words of a panel are made from values of k. split: A of a family without the bfloat16 dot product, float32 words
// of rounded values, padded to whole pairs of k. tiles: A for AMX, for each step of k all rows, the step's words together.
enum class Words { single, pairs, split, tiles };

template <Words kWords, class T>
constexpr int64_t panel_rows(int64_t k) {
  return kWords == Words::split ? (k + 1) / 2 * 2 : words_of<T>(k);
}

// Panels [first, last) where lanes run along memory: places [0, k).
template <class T, Words kWords, int W, DType D>
inline void pack_across(const PackSource& s, int64_t first, int64_t last, int64_t lanes, int64_t k, uint32_t* out, int64_t panel_words) {
  const int64_t words = panel_rows<kWords, T>(k);
  for (int64_t begin = first; begin < last; begin += kAbreast) {
    const int64_t end = begin + kAbreast < last ? begin + kAbreast : last;
    for (int64_t w = 0; w < words; ++w) {
      for (int64_t panel = begin; panel < end; ++panel) {
        const PanelWriter<W> writer{out + panel * panel_words, words};
        for (int g = 0; g * kLanes < W; ++g) {
          const int64_t lane = panel * W + g * kLanes, in_panel = W - g * kLanes;
          const int n = real_lanes(lanes - lane < in_panel ? lanes - lane : in_panel);
          if constexpr (kWords == Words::pairs) {
            writer.put(w, g, load_row_pair<D>(s, 2 * w, k, lane, n));
          } else {
            writer.put(w, g, rounded<T, D>(w < k ? load_values<D>(s.data, w * s.k_stride + lane, n) : vf{}));
          }
        }
      }
    }
  }
}

// One panel where k runs along memory, `lanes` valid lanes of W: blocks of kLanes lanes by kLanes words are transposed.
template <class T, Words kWords, int W, DType D>
inline void pack_along(const PackSource& s, int64_t lane0, int64_t lanes, int64_t k, uint32_t* out) {
  constexpr int per_word = kWords == Words::pairs ? 2 : 1;
  const int64_t words = panel_rows<kWords, T>(k);
  const PanelWriter<W> writer{out, words};
  for (int g = 0; g * kLanes < W; ++g) {
    const int n = real_lanes((lanes < W ? lanes : W) - g * kLanes);
    const int64_t lane = lane0 + g * kLanes;
    for (int64_t w = 0; w < words; w += kLanes) {
      const int64_t at = w * per_word, rest = k - at;
      const int count = rest <= 0 ? 0 : rest < per_word * kLanes ? static_cast<int>(rest) : per_word * kLanes;
      vu block[kLanes];
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) {
        const int64_t from = (lane + l) * s.lane_stride + at;
        if constexpr (kWords == Words::pairs) {
          block[l] = l < n ? load_pairs<D>(s.data, from, count) : vu{};
        } else {
          block[l] = l < n ? rounded<T, D>(load_values<D>(s.data, from, count)) : vu{};
        }
      }
      transpose(block);
#pragma GCC unroll 16
      for (int i = 0; i < kLanes; ++i) {
        if (w + i < words) writer.put(w + i, g, block[i]);
      }
    }
  }
}

template <class T, Words kWords, int W, DType D>
inline void pack_as(const PackSource& s, int64_t first, int64_t last, int64_t lanes, int64_t k, uint32_t* out, int64_t panel_words) {
#if defined(TS_TILES)
  if constexpr (kWords == Words::tiles) return pack_tiles<T, W, D>(s, first, last, lanes, k, out, panel_words);
#endif
  if (s.lane_stride == 1) return pack_across<T, kWords, W, D>(s, first, last, lanes, k, out, panel_words);
  for (int64_t panel = first; panel < last; ++panel) {
    pack_along<T, kWords, W, D>(s, panel * W, lanes - panel * W, k, out + panel * panel_words);
  }
}

template <class T, Words kWords, int W>
inline void pack(const PackSource& s, int64_t first, int64_t last, int64_t lanes, int64_t k, uint32_t* out, int64_t panel_words) {
  if (s.dtype == DType::bfloat16) return pack_as<T, kWords, W, DType::bfloat16>(s, first, last, lanes, k, out, panel_words);
  pack_as<T, kWords, W, DType::float32>(s, first, last, lanes, k, out, panel_words);
}

template <class T>
constexpr Words a_words_kind = T::step > 1 ? Words::tiles : T::places == 1 ? Words::single : T::a_words == 2 ? Words::split : Words::pairs;
template <class T>
constexpr Words b_words_kind = T::compute == Compute::float32 ? Words::single : Words::pairs;

// Panels [first, last) of A: rows are lanes. out is the whole of packed A.
template <class T>
inline void pack_a_panels(const Matrix& a, int64_t m, int64_t k, int64_t first, int64_t last, void* out) {
  const PackSource s{a.data, a.dtype, a.row_stride, a.col_stride};
  pack<T, a_words_kind<T>, T::a_rows>(s, first, last, m, k, static_cast<uint32_t*>(out), words_of<T>(k) * T::a_words * T::a_rows);
}

// Panels [first, last) of B: columns are lanes.
template <class T>
inline void pack_b_panels(const Matrix& b, int64_t n, int64_t k, int64_t first, int64_t last, void* out) {
  const PackSource s{b.data, b.dtype, b.col_stride, b.row_stride};
  pack<T, b_words_kind<T>, kTileN>(s, first, last, n, k, static_cast<uint32_t*>(out), words_of<T>(k) * kTileN);
}

}  // namespace ts::TS_ISA
