// The register tile of attention's products and the staging of its operands. A block of keys is small, so operands lie in
// plain rows and columns of the first two caches instead of packed panels.
#pragma once

#include "kernels/gemm_pack.h"

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
constexpr int kFewRows = kStrip == 12 ? 4 : 2;

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
  if constexpr (R <= kFewRows) {
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
  for (; row + kFewRows <= rows; row += kFewRows) tiles_of<T, kRowMajor, kFrom, kFewRows>(t, row, cols);
  const int64_t left = rows - row;
  if constexpr (kFewRows == 4) {
    if (left == 3) return tiles_of<T, kRowMajor, kFrom, 3>(t, row, cols);
    if (left == 2) return tiles_of<T, kRowMajor, kFrom, 2>(t, row, cols);
  }
  if (left == 1) tiles_of<T, kRowMajor, kFrom, 1>(t, row, cols);
}

// ---- Staging.

// kLanes values of a row of `width` from column d on, zeros past its end.
TS_INLINE vf row_values(const void* data, DType type, int64_t start, int64_t width, int64_t d) {
  const int64_t left = width - d;
  const int n = left >= kLanes ? kLanes : left > 0 ? static_cast<int>(left) : 0;
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
    const int64_t left = width - d;
    const int n = left >= kLanes ? kLanes : left > 0 ? static_cast<int>(left) : 0;
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

// ---- Values that are not finite. A masked key or query has weight 0, and 0 times infinity or NaN would reach rows that do
// not see it: such values are taken out of a product's rows (zeros stay) and given back, one by one, to what sees them.

TS_INLINE vi not_finite(vf x) { return (bits<vi>(x) & 0x7f800000) == 0x7f800000; }

TS_INLINE bool any_lane(vi mask) {
  int32_t lanes[kLanes], any = 0;
  store(lanes, mask);
  for (int i = 0; i < kLanes; ++i) any |= lanes[i];
  return any != 0;
}

// Rows of `padded` float32; flags[j] says which rows lost something. False if none did: then flags are not written.
inline bool take_out(float* rows, int64_t count, int64_t padded, uint8_t* flags) {
  vi any{};
  for (int64_t i = 0; i < count * padded; i += kLanes) any |= not_finite(load(rows + i));
  if (!any_lane(any)) return false;
  for (int64_t j = 0; j < count; ++j) {
    vi own{};
    for (int64_t d = 0; d < padded; d += kLanes) {
      const vf x = load(rows + j * padded + d);
      own |= not_finite(x);
      store(rows + j * padded + d, select(not_finite(x), vf{}, x));
    }
    flags[j] = any_lane(own);
  }
  return true;
}
// The same for what stage_pairs made, of a single row and of all.
inline bool take_out_row(uint32_t* pairs, int64_t padded, int64_t j) {
  uint16_t* halves = reinterpret_cast<uint16_t*>(pairs + j / 2 * padded) + j % 2;
  bool lost = false;
  for (int64_t d = 0; d < padded; ++d) {
    if ((halves[2 * d] & 0x7f80u) != 0x7f80u) continue;
    halves[2 * d] = 0;
    lost = true;
  }
  return lost;
}
inline bool take_out(uint32_t* pairs, int64_t count, int64_t padded, uint8_t* flags) {
  vi any{};
  for (int64_t i = 0; i < (count + 1) / 2 * padded; i += kLanes) {
    const vi words = load(reinterpret_cast<const int32_t*>(pairs) + i);
    any |= ((words & 0x7f80) == 0x7f80) | ((words & 0x7f800000) == 0x7f800000);
  }
  if (!any_lane(any)) return false;
  for (int64_t j = 0; j < count; ++j) flags[j] = take_out_row(pairs, padded, j);
  return true;
}
// sums += weight * value where the value was taken out; value(d) gives kLanes of them.
template <class Value>
TS_INLINE void give_back(float* sums, int64_t padded, float weight, const Value& value) {
  for (int64_t d = 0; d < padded; d += kLanes) {
    const vf v = value(d), sum = load(sums + d);
    store(sums + d, select(not_finite(v), fma(splat(weight), v, sum), sum));
  }
}

}  // namespace ts::TS_ISA
