// Attention of a single query's heads to one block of keys, as in decoding.
//
// Here a score's row is a head and its column a key: a few heads fill whole vectors then, where a column per head would leave
// most lanes empty. Keys are turned for it. Every sum is the chain that add_block makes of it, so the bits are the same.
#pragma once

#include "kernels/attention_block.h"

namespace ts::TS_ISA {

// Most heads of a key head that go this way: with more, lanes of heads are full enough and nothing of the keys has to be turned.
constexpr int64_t kFewHeads = 8;

// How many key heads a task of a single query may take, whose rows lie side by side in a cache; 0: it doesn't go this way.
template <class T>
int64_t key_heads_of_query(const AttentionCall& c) {
  return !kByTiles<T> && c.groups() <= kFewHeads ? kRows / c.groups() : 0;
}

// Sums of R rows of weights over the keys lo … hi - 1, each one chain.
template <int R>
TS_INLINE void add_weights(const float* weights, int64_t lo, int64_t hi, float* totals) {
  float sum[R] = {};
  for (int64_t j = lo; j < hi; ++j) {
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) sum[r] += weights[r * kKeys + j];
  }
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) totals[r] = sum[r];
}

// Keeps a row's weights of kLanes pairs of keys, or of 2 kLanes keys, from lo on, as the second product takes them.
template <class T>
TS_INLINE void keep_row(const AttentionCall& c, const Space<T>& s, int64_t r, int64_t lo, vf low, vf high) {
  if constexpr (T::per_word == 2) {
    uint16_t* to = reinterpret_cast<uint16_t*>(s.weights + r * kKeyPairs) + lo;
#if defined(__AVX512BF16__)
    const vu pairs = narrow(low, high);
    std::memcpy(to, &pairs, sizeof pairs);
#else
    store_words(to, to_bf16(low));
    store_words(to + kLanes, to_bf16(high));
#endif
  } else {
    store(s.weights + r * kKeys + lo, c.round ? round_bf16_number(low) : low);
    store(s.weights + r * kKeys + lo + kLanes, c.round ? round_bf16_number(high) : high);
  }
}

// Turns the products of a key head's rows, from r0 on, with the keys of a block into weights, and notes by how much older sums
// shrink.
template <class T>
void weigh_rows(const AttentionCall& c, const Space<T>& s, const State& state, int64_t r0, int64_t rows, const Columns& seen) {
  constexpr int kVectors = kKeys / kLanes;
  constexpr int64_t kWhole = kFewHeads < kLanes ? kLanes : kFewHeads;
  float largest[kWhole] = {}, totals[kWhole] = {};
  for (int64_t r = 0; r < rows; ++r) {
    float* const scores = s.scores + r * kKeys;
    vf now = splat(state.largest[r0 + r]);
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) {
      const vf x = select(visible(v * kLanes, seen.lo, seen.hi), score_of(load(scores + v * kLanes), c.scale, c.softcap), splat(kNothing));
      store(scores + v * kLanes, x);
      now = max(x, now);
    }
    largest[r] = max_lanes(now);
    // Where every score is -infinity there is nothing to subtract.
    const vf base = splat(largest[r] == kNothing ? 0.0f : largest[r]);
#pragma GCC unroll 2
    for (int v = 0; v < kVectors; v += 2) {
      const vf low = exp(load(scores + v * kLanes) - base), high = exp(load(scores + (v + 1) * kLanes) - base);
      store(scores + v * kLanes, low);
      store(scores + (v + 1) * kLanes, high);
      keep_row(c, s, r, v * kLanes, low, high);
    }
  }
  int64_t r = 0;
  for (; r + 4 <= rows; r += 4) add_weights<4>(s.scores + r * kKeys, seen.lo, seen.hi, totals + r);
  if (rows - r == 3) add_weights<3>(s.scores + r * kKeys, seen.lo, seen.hi, totals + r);
  if (rows - r == 2) add_weights<2>(s.scores + r * kKeys, seen.lo, seen.hi, totals + r);
  if (rows - r == 1) add_weights<1>(s.scores + r * kKeys, seen.lo, seen.hi, totals + r);
  for (int64_t i = 0; i < rows; i += kLanes) {
    const int n = static_cast<int>(rows - i < kLanes ? rows - i : kLanes);
    float* const top = state.largest + r0 + i;
    float* const total = state.total + r0 + i;
    const vf now = load(largest + i), base = select(now == kNothing, vf{}, now), shrink = exp(load_n(top, n) - base);
    store_n(s.shrink + i, shrink, n);
    store_n(top, now, n);
    store_n(total, fma(load_n(total, n), shrink, load(totals + i)), n);
  }
}

// Adds the weighted values of a block to the rows from r0 on. They are multiplied where they lie if their rows are whole ones
// one step apart.
template <class T>
void sum_seen_values(const AttentionCall& c, const BlockRows& at, const State& state, const Space<T>& s, int64_t r0, int64_t rows, const Columns& seen,
                     const Upcoming& ahead) {
  const int64_t lo = seen.lo / T::per_word, hi = (seen.hi + T::per_word - 1) / T::per_word, step = c.key_heads * c.width;
  float* const sums = state.sums + r0 * s.padded;
  if constexpr (T::per_word == 1) {
    const bool in_place = c.width == s.padded && at.even;
    const auto from_cache = [&](auto kind, const void* data) {
      using Kind = decltype(kind);
      const auto* values = static_cast<const typename Kind::Column*>(data) + at(0);
      strip<Kind, true, From::scaled>(Tile<Kind>{s.weights, kKeys, values, step, lo, hi, sums, s.padded, s.shrink, ahead}, rows, s.padded);
    };
    if (in_place && c.kv_type == DType::bfloat16) return from_cache(Halves{}, c.v);
    if (in_place && c.kv_type == DType::float32 && !c.round) return from_cache(Singles{}, c.v);
  }
  stage_values(c.values(), at, s.padded, s.values);
#if defined(TS_DOT_BF16)
  if constexpr (T::per_word == 2) {
    // A pair may hold a key that is masked.
    if (seen.lo % 2 != 0) take_out_row(s.values, s.padded, seen.lo - 1);
    if (seen.hi % 2 != 0) take_out_row(s.values, s.padded, seen.hi);
  }
#endif
  strip<T, true, From::scaled>(Tile<T>{s.weights, kKeys / T::per_word, s.values, s.padded, lo, hi, sums, s.padded, s.shrink, ahead}, rows, s.padded);
}

// Asks for what key head i of the task wants of the next block, or for its share of that where the rows of all key heads follow one
// another: then little by little, over so many steps of a product.
inline Upcoming ask_ahead(const AttentionCall& c, const Task& t, const Rows& rows, BlockRows& next, int64_t i, int64_t steps) {
  next.offset = i * c.width;
  const bool all = t.key_heads == c.key_heads && next.count > 0 && next.even;
  if (!all) {
    prefetch_rows(rows, next, 0, next.count);
    return {};
  }
  const int64_t size = static_cast<int64_t>(dtype_bytes(rows.type)), share = next.count * c.width * size;
  return {static_cast<const char*>(rows.data) + next.starts[0] * size + i * share, ceil_div(share, steps)};
}

// Adds one block of keys to the rows of a task of a single query, one key head after the other.
template <class T>
void add_block_to_query(const AttentionCall& c, const Task& t, int64_t block, const State& state, const Space<T>& s) {
  const int64_t groups = c.groups(), from = block * kKeys, inner = ceil_div(c.width, T::per_word);
  const Columns seen(s.first[0], s.last[0], from);
  if (seen.empty()) return;
  BlockRows at(c, t.segment, t.key_head, from), next(c, t.segment, t.key_head, from + kKeys);
  for (int64_t i = 0; i < t.key_heads; ++i) {
    const int64_t r0 = i * groups;
    at.offset = i * c.width;
    stage_columns(c.keys(), at.count, s.words, kKeys, at, s.staged, s.keys);
    const Tile<T> scores{s.queries + r0, kRows, s.keys, kKeys, 0, inner, s.scores, kKeys, nullptr, ask_ahead(c, t, c.keys(), next, i, inner)};
    strip<T, false, From::zero>(scores, groups, seen.to);
    weigh_rows(c, s, state, r0, groups, seen);
    sum_seen_values(c, at, state, s, r0, groups, seen, ask_ahead(c, t, c.values(), next, i, kKeys / T::per_word));
  }
}

}  // namespace ts::TS_ISA
