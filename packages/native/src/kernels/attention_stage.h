// Staging: rows of q, k, v or a gradient as the rows, columns or pairs that attention's products read.
#pragma once

#include "kernels/attention_tile.h"

namespace ts::TS_ISA {

// kLanes values of a row of `width` from column d on, zeros past its end.
TS_INLINE vf row_values(const void* data, DType type, int64_t start, int64_t width, int64_t d) {
  const int n = real_lanes(width - d);
  if (type == DType::bfloat16) {
    const uint16_t* p = static_cast<const uint16_t*>(data) + start + d;
    return from_bf16(n == kLanes ? load_words(p) : load_words_n(p, n));
  }
  const float* p = static_cast<const float*>(data) + start + d;
  return n == kLanes ? load(p) : load_n(p, n);
}

// A row of `width` values as `words` words (a multiple of kLanes), zeros behind; rounded to bfloat16 if asked.
TS_INLINE void stage_row(const void* data, DType type, int64_t start, int64_t width, int64_t words, bool round, float* out) {
  const int64_t whole = width / kLanes * kLanes;
  const uint16_t* const halves = static_cast<const uint16_t*>(data) + start;
  const float* const floats = static_cast<const float*>(data) + start;
  const auto fill = [&](int64_t from, int64_t to, const auto& value) {
    for (int64_t d = from; d < to; d += kLanes) store(out + d, value(d));
  };
  // One of these for all vectors of a row, chosen before the loop.
  if (type == DType::bfloat16) {
    fill(0, whole, [&](int64_t d) { return from_bf16(load_words(halves + d)); });
  } else if (round) {
    fill(0, whole, [&](int64_t d) { return round_bf16(load(floats + d)); });
  } else {
    fill(0, whole, [&](int64_t d) { return load(floats + d); });
  }
  fill(whole, words, [&](int64_t d) {
    const vf x = row_values(data, type, start, width, d);
    return round && type != DType::bfloat16 ? round_bf16(x) : x;
  });
}
TS_INLINE void stage_row(const void* data, DType type, int64_t start, int64_t width, int64_t words, bool, uint32_t* out) {
  uint16_t* to = reinterpret_cast<uint16_t*>(out);
  for (int64_t d = 0; d < 2 * words; d += kLanes) {
    const int n = real_lanes(width - d);
    if (type == DType::bfloat16) {
      const uint16_t* p = static_cast<const uint16_t*>(data) + start + d;
      store_words(to + d, n == kLanes ? load_words(p) : load_words_n(p, n));
    } else {
      const float* p = static_cast<const float*>(data) + start + d;
      store_words(to + d, to_bf16(n == kLanes ? load(p) : load_n(p, n)));
    }
  }
}

// A source of rows of q, k, v or a gradient.
struct Rows {
  const void* data;
  DType type;
  int64_t width;
  bool round;
};

// Rows one after the other, `words` words each. start(j) is where row j begins.
template <class Word, class Start>
inline void stage_rows(const Rows& rows, int64_t count, int64_t words, const Start& start, Word* out) {
  for (int64_t j = 0; j < count; ++j) stage_row(rows.data, rows.type, start(j), rows.width, words, rows.round, out + j * words);
}

// Rows of bfloat16 by kLanes pairs of columns: out[d * stride + l] is value d of row start(l), as float32.
template <class Start>
TS_INLINE void turn_pairs(const uint16_t* data, const Start& start, int64_t width, int64_t stride, float* out) {
  for (int64_t d = 0; d < width; d += 2 * kLanes) {
    vu pairs[kLanes];
#pragma GCC unroll 16
    for (int l = 0; l < kLanes; ++l) std::memcpy(&pairs[l], data + start(l) + d, sizeof(vu));
    transpose(pairs);
#pragma GCC unroll 16
    for (int i = 0; i < kLanes; ++i) {
      store(out + (d + 2 * i) * stride, bits<vf>(pairs[i] << 16));
      store(out + (d + 2 * i + 1) * stride, bits<vf>(pairs[i] & 0xffff0000u));
    }
  }
}

// Rows as columns: out[word * stride + j] for j < count; `stride` is a multiple of kLanes and columns from count up to the
// next multiple of kLanes become zeros. staged: kLanes * words words.
template <class Word, class Start>
inline void stage_columns(const Rows& rows, int64_t count, int64_t words, int64_t stride, const Start& start, Word* staged, Word* out) {
  constexpr bool kPairs = __is_same(Word, uint32_t);
  // Whole rows of bfloat16 are pairs where they lie; whole rows of float32 are words.
  const bool bf16 = rows.type == DType::bfloat16, unrounded = rows.type == DType::float32 && !rows.round;
  const bool in_place = kPairs ? bf16 && rows.width == 2 * words : unrounded && rows.width == words;
  const bool halves = !kPairs && bf16 && rows.width == words && words % (2 * kLanes) == 0;
  for (int64_t j = 0; j < count; j += kLanes) {
    const auto begin = [&](int64_t l) { return start(j + l); };
    if (in_place && j + kLanes <= count) {
      const char* data = static_cast<const char*>(rows.data);
      const int64_t size = kPairs ? 2 : 4;
      for (int64_t w = 0; w < words; w += kLanes) {
        turn([&](int l) { return data + begin(l) * size + 4 * w; }, [&](int i) { return out + (w + i) * stride + j; });
      }
      continue;
    }
    if constexpr (!kPairs) {
      if (halves && j + kLanes <= count) {
        turn_pairs(static_cast<const uint16_t*>(rows.data), begin, words, stride, out + j);
        continue;
      }
    }
    for (int64_t l = 0; l < kLanes; ++l) {
      if (j + l < count) {
        stage_row(rows.data, rows.type, start(j + l), rows.width, words, rows.round, staged + l * words);
      } else {
        std::memset(staged + l * words, 0, static_cast<size_t>(words) * 4);
      }
    }
    for (int64_t w = 0; w < words; w += kLanes) {
      turn([&](int l) { return staged + l * words + w; }, [&](int i) { return out + (w + i) * stride + j; });
    }
  }
}

#if defined(TS_DOT_BF16)
// Rows 2i and 2i+1 as pairs: out[i * padded + d]; rows from count on are zeros.
template <class Start>
inline void stage_pairs(const Rows& rows, int64_t count, int64_t padded, const Start& start, uint32_t* out) {
  for (int64_t j = 0; j < kKeys; j += 2) {
    uint32_t* to = out + j / 2 * padded;
    if (j >= count) {
      std::memset(to, 0, static_cast<size_t>(padded) * 4);
      continue;
    }
    if (rows.type == DType::bfloat16 && rows.width == padded && j + 1 < count) {
      const uint16_t *even = static_cast<const uint16_t*>(rows.data) + start(j), *odd = static_cast<const uint16_t*>(rows.data) + start(j + 1);
      for (int64_t d = 0; d < padded; d += kLanes) {
        const vu pair = pair_halves(load_words(even + d), load_words(odd + d));
        std::memcpy(to + d, &pair, sizeof pair);
      }
      continue;
    }
    for (int64_t d = 0; d < padded; d += kLanes) {
      const auto values = [&](int64_t row) { return row_values(rows.data, rows.type, start(row), rows.width, d); };
      const vf even = values(j), odd = j + 1 < count ? values(j + 1) : vf{};
      const vu pair = rows.type == DType::bfloat16 ? (bits<vu>(even) >> 16) | bits<vu>(odd) : pair_words(even, odd);
      std::memcpy(to + d, &pair, sizeof pair);
    }
  }
}
#endif

}  // namespace ts::TS_ISA
