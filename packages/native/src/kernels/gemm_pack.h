// Packing: operands of any transposition and dtype become panels, in which the tile's loop reads memory straight on.
// A panel holds W rows (of A) or columns (of B), "lanes" here: for each word of k, W words. Lanes past the end are zeros.
#pragma once

#include "kernels/gemm_tile.h"

namespace ts::TS_ISA {

// An operand seen from its panels: lane l, place k is at data[l * lane_stride + k * k_stride].
struct PackSource {
  const void* data;
  DType dtype;
  int64_t lane_stride, k_stride;
};

// kLanes x kLanes transpose: exchanges blocks of 1, 2, 4, … lanes between rows.
TS_INLINE void transpose(vu (&x)[kLanes]) {
#pragma GCC unroll 4
  for (int s = 1; s < kLanes; s *= 2) {
    vi low, high;
#pragma GCC unroll 16
    for (int l = 0; l < kLanes; ++l) {
      low[l] = (l & s) != 0 ? kLanes + l - s : l;
      high[l] = (l & s) != 0 ? kLanes + l : l + s;
    }
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      if ((i & s) != 0) continue;
      const vu a = x[i], b = x[i + s];
      x[i] = __builtin_shuffle(a, b, low);
      x[i + s] = __builtin_shuffle(a, b, high);
    }
  }
}

// n consecutive values as float32.
template <DType D>
TS_INLINE vf load_values(const void* data, int64_t at, int n) {
  if constexpr (D == DType::float32) {
    const float* p = static_cast<const float*>(data) + at;
    return n == kLanes ? load(p) : load_n(p, n);
  } else {
    const uint16_t* p = static_cast<const uint16_t*>(data) + at;
    return from_bf16(n == kLanes ? load_words(p) : load_words_n(p, n));
  }
}

// The bits of a value as panels keep it: float32 as it is, bfloat16 in the upper half of the word.
template <class T, DType D>
TS_INLINE vu load_rounded(const void* data, int64_t at, int n) {
  const vf x = load_values<D>(data, at, n);
  if constexpr (T::per_word == 2 && D == DType::float32) return bits<vu>(round_bf16(x));
  return bits<vu>(x);
}

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

// How words of a panel are made from values of k. kSplit: A of a family without the bfloat16 dot product, float32 words
// of rounded values, padded to whole pairs of k.
enum class Words { single, pairs, split };

// One panel: `lanes` valid lanes of W, places [0, k).
template <class T, Words kWords, int W, DType D>
inline void pack_panel(const PackSource& s, int64_t lane0, int64_t lanes, int64_t k, uint32_t* out) {
  const int64_t words = kWords == Words::single ? k : kWords == Words::pairs ? (k + 1) / 2 : (k + 1) / 2 * 2;
  const PanelWriter<W> writer{out, words};
  constexpr int groups = (W + kLanes - 1) / kLanes;
  for (int g = 0; g < groups; ++g) {
    const int64_t left = (lanes < W ? lanes : W) - g * kLanes;
    const int n = left <= 0 ? 0 : left < kLanes ? static_cast<int>(left) : kLanes;
    const int64_t lane = lane0 + g * kLanes;
    if (s.lane_stride == 1) {
      const auto row = [&](int64_t at) { return at < k ? load_rounded<T, D>(s.data, at * s.k_stride + lane, n) : vu{}; };
      for (int64_t w = 0; w < words; ++w) {
        if constexpr (kWords == Words::pairs) {
          writer.put(w, g, (row(2 * w + 1) & 0xffff0000u) | (row(2 * w) >> 16));
        } else {
          writer.put(w, g, row(w));
        }
      }
      continue;
    }
    // k runs along memory: blocks of kLanes lanes by kLanes places are transposed.
    for (int64_t at = 0; at < k; at += kLanes) {
      const int count = k - at < kLanes ? static_cast<int>(k - at) : kLanes;
      vu block[kLanes];
#pragma GCC unroll 16
      for (int l = 0; l < kLanes; ++l) {
        block[l] = l < n ? load_rounded<T, D>(s.data, (lane + l) * s.lane_stride + at, count) : vu{};
      }
      transpose(block);
      if constexpr (kWords == Words::pairs) {
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; i += 2) {
          if (i < count) writer.put((at + i) / 2, g, (block[i + 1] & 0xffff0000u) | (block[i] >> 16));
        }
      } else {
        const int kept = kWords == Words::split ? (count + 1) / 2 * 2 : count;
#pragma GCC unroll 16
        for (int i = 0; i < kLanes; ++i) {
          if (i < kept) writer.put(at + i, g, block[i]);
        }
      }
    }
  }
}

template <class T, Words kWords, int W>
inline void pack(const PackSource& s, int64_t first_panel, int64_t last_panel, int64_t lanes, int64_t k, uint32_t* out,
                 int64_t panel_words) {
  for (int64_t panel = first_panel; panel < last_panel; ++panel) {
    uint32_t* place = out + panel * panel_words;
    if (s.dtype == DType::bfloat16) {
      pack_panel<T, kWords, W, DType::bfloat16>(s, panel * W, lanes - panel * W, k, place);
    } else {
      pack_panel<T, kWords, W, DType::float32>(s, panel * W, lanes - panel * W, k, place);
    }
  }
}

template <class T>
constexpr Words a_words_kind = T::per_word == 1 ? Words::single : T::a_words == 2 ? Words::split : Words::pairs;
template <class T>
constexpr Words b_words_kind = T::per_word == 1 ? Words::single : Words::pairs;

// Panels [first, last) of A: rows are lanes. out is the whole of packed A.
template <class T>
inline void pack_a_panels(const Matrix& a, int64_t m, int64_t k, int64_t first, int64_t last, void* out) {
  const PackSource s{a.data, a.dtype, a.row_stride, a.col_stride};
  pack<T, a_words_kind<T>, kTileM>(s, first, last, m, k, static_cast<uint32_t*>(out), words_of<T>(k) * T::a_words * kTileM);
}

// Panels [first, last) of B: columns are lanes.
template <class T>
inline void pack_b_panels(const Matrix& b, int64_t n, int64_t k, int64_t first, int64_t last, void* out) {
  const PackSource s{b.data, b.dtype, b.col_stride, b.row_stride};
  pack<T, b_words_kind<T>, kTileN>(s, first, last, n, k, static_cast<uint32_t*>(out), words_of<T>(k) * kTileN);
}

}  // namespace ts::TS_ISA
