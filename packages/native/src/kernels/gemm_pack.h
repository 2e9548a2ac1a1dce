// Packing: operands of any transposition and dtype become panels, in which the tile's loop reads memory straight on.
// A panel holds W rows (of A) or columns (of B), "lanes" here: for each word of k, W words. Lanes past the end are zeros.
#pragma once

#include "kernels/gemm_layout.h"

namespace ts::TS_ISA {

// An operand seen from its panels: lane l, place k is at data[l * lane_stride + k * k_stride].
struct PackSource {
  const void* data;
  DType dtype;
  int64_t lane_stride, k_stride;
};

// Numbers of lanes as a pack: shuffles are single instructions only where the compiler knows their constants.
template <int... kLane>
struct Lanes {};
template <int kCount, int... kLane>
struct LanesUpTo : LanesUpTo<kCount - 1, kCount - 1, kLane...> {};
template <int... kLane>
struct LanesUpTo<0, kLane...> {
  using List = Lanes<kLane...>;
};

// Exchanges the upper lanes of every block of 2 kStep lanes of a for the lower ones of b.
template <int kStep, int... kLane>
TS_INLINE void exchange(vu& a, vu& b, Lanes<kLane...>) {
  constexpr vi low{((kLane & kStep) != 0 ? kLanes + kLane - kStep : kLane)...};
  constexpr vi high{((kLane & kStep) != 0 ? kLanes + kLane : kLane + kStep)...};
  const vu first = __builtin_shuffle(a, b, low);
  b = __builtin_shuffle(a, b, high);
  a = first;
}

// kLanes x kLanes transpose: exchanges blocks of 1, 2, 4, … lanes between rows.
template <int kStep = 1>
TS_INLINE void transpose(vu (&x)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i & kStep) == 0) exchange<kStep>(x[i], x[i + kStep], LanesUpTo<kLanes>::List{});
  }
  if constexpr (2 * kStep < kLanes) transpose<2 * kStep>(x);
}

// kLanes rows of kLanes words as columns: row l begins at from(l), column i at to(i).
template <class From, class To>
TS_INLINE void turn(const From& from, const To& to) {
  vu block[kLanes];
#pragma GCC unroll 16
  for (int l = 0; l < kLanes; ++l) std::memcpy(&block[l], from(l), sizeof(vu));
  transpose(block);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) std::memcpy(to(i), &block[i], sizeof(vu));
}

#if defined(__AVX512BF16__)
// 32 values as 16 words of two, rounded; subnormals become zero, as in every product of theirs.
TS_INLINE vu narrow(vf first, vf second) { return (vu)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first); }
#endif

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

// The bits of values as panels of whole words keep them: float32 as it is, bfloat16 in the upper half of the word.
template <class T, DType D>
TS_INLINE vu rounded(vf x) {
  if constexpr (T::compute == Compute::bfloat16 && D == DType::float32) return bits<vu>(round_bf16(x));
  return bits<vu>(x);
}

// 2 kLanes consecutive places, the first n of them real, as kLanes words of rounded pairs.
template <DType D>
TS_INLINE vu load_pairs(const void* data, int64_t at, int n) {
  const int low = n < kLanes ? n : kLanes;
  vh half[2];
  if constexpr (D == DType::bfloat16) {
    const uint16_t* p = static_cast<const uint16_t*>(data) + at;
    half[0] = low == kLanes ? load_words(p) : load_words_n(p, low);
    half[1] = n == 2 * kLanes ? load_words(p + kLanes) : load_words_n(p + low, n - low);
  } else {
    const vf first = load_values<D>(data, at, low), second = load_values<D>(data, at + low, n - low);
#if defined(__AVX512BF16__)
    return narrow(first, second);
#else
    half[0] = to_bf16(first);
    half[1] = to_bf16(second);
#endif
  }
  vu out;
  std::memcpy(&out, half, sizeof out);
  return out;
}

#if defined(__AVX512BF16__)
// 16 halves and 16 more as words: low halves from the first ones, high halves from the others.
TS_INLINE vu interleave(__m512i halves) {
  alignas(64) static constexpr uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                     8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return (vu)_mm512_permutexvar_epi16(_mm512_load_si512(order), halves);
}
#endif

// Words whose low halves are `even` and high halves `odd`, bfloat16 as it lies in memory.
TS_INLINE vu pair_halves(vh even, vh odd) {
#if defined(__AVX512BF16__)
  return interleave(_mm512_inserti64x4(_mm512_castsi256_si512((__m256i)even), (__m256i)odd, 1));
#else
  return widen(even) | (widen(odd) << 16);
#endif
}

// Words whose low halves are the bfloat16 of `even` and high halves of `odd`, float32 or already rounded.
TS_INLINE vu pair_words(vf even, vf odd) {
#if defined(__AVX512BF16__)
  return interleave((__m512i)narrow(even, odd));
#else
  return (bits<vu>(round_bf16(odd)) & 0xffff0000u) | (bits<vu>(round_bf16(even)) >> 16);
#endif
}

// Places `at` and `at` + 1 of kLanes lanes, n of them real, where lanes run along memory; places from `end` on are zeros.
template <DType D>
TS_INLINE vu load_row_pair(const PackSource& s, int64_t at, int64_t end, int64_t lane, int n) {
  const auto place = [&](int64_t row) { return row * s.k_stride + lane; };
  if constexpr (D == DType::bfloat16) {
    const auto row = [&](int64_t i) {
      const uint16_t* p = static_cast<const uint16_t*>(s.data) + place(i);
      return i >= end ? vh{} : n == kLanes ? load_words(p) : load_words_n(p, n);
    };
    return pair_halves(row(at), row(at + 1));
  } else {
    const auto row = [&](int64_t i) { return i < end ? load_values<D>(s.data, place(i), n) : vf{}; };
    return pair_words(row(at), row(at + 1));
  }
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

// How words of a panel are made from values of k. split: A of a family without the bfloat16 dot product, float32 words
// of rounded values, padded to whole pairs of k. tiles: A for AMX, for each step of k all rows, the step's words together.
enum class Words { single, pairs, split, tiles };

// Panels that are written side by side where lanes run along memory: a row is read straight on over all of them.
constexpr int64_t kAbreast = 32;

// How many of a group of kLanes lanes are real, of `left` from the group's first on.
TS_INLINE int real_lanes(int64_t left) { return left <= 0 ? 0 : left < kLanes ? static_cast<int>(left) : kLanes; }

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

#if defined(TS_TILES)
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
#endif

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
