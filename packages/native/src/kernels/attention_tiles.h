// Attention of a task's rows to one block of keys in bfloat16 on AMX.
//
// A score's row is a row of the task: its weights then stand as the second product takes them, in pairs of keys. A block's
// keys are turned into columns instead, once for all rows; where these are few, their scores are.
#pragma once

#include "kernels/attention_block.h"

#if defined(TS_TILES)

namespace ts::TS_ISA {

// Turns the products of row r with the block's keys into weights; gives by how much older sums shrink.
TS_INLINE float weigh_row(const AttentionCall& c, const Space<Pairs>& s, const State& state, int64_t r, int64_t from) {
  constexpr int kVectors = kKeys / kLanes;
  static_assert(kVectors == 4);
  const int64_t first = s.first[r] - from, last = s.last[r] - from;
  // A factor above 0 keeps the order of the products and is applied together with the subtraction.
  const bool plain = c.softcap == 0.0f && c.scale > 0.0f;
  const vf factor = splat(plain ? c.scale : 1.0f);
  vf x[kVectors];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) {
    x[v] = load(s.scores + r * kKeys + v * kLanes);
    if (!plain) x[v] = score_of(x[v], c.scale, c.softcap);
  }
  if (first > 0 || last < kKeys) {
#pragma GCC unroll 4
    for (int v = 0; v < kVectors; ++v) x[v] = select(visible(v * kLanes, first, last), x[v], splat(kNothing));
  }
  const float top = _mm512_reduce_max_ps((__m512)(max(max(x[0], x[1]), max(x[2], x[3])) * factor));
  const float largest = state.largest[r], now = top > largest ? top : largest;
  // Where every score is -infinity there is nothing to subtract.
  const vf base = splat(now == kNothing ? 0.0f : now);
  const float shrink = now == largest ? 1.0f : exp(splat(largest) - base)[0];
#pragma GCC unroll 4
  for (int v = 0; v < kVectors; ++v) x[v] = exp(fma(x[v], factor, -base));
  float* totals = s.totals + r * kLanes;
  store(totals, fma(load(totals), splat(shrink), (x[0] + x[1]) + (x[2] + x[3])));
#pragma GCC unroll 2
  for (int v = 0; v < kVectors; v += 2) {
    const vu pairs = narrow(x[v], x[v + 1]);
    std::memcpy(s.weights + r * kKeyPairs + v / 2 * kLanes, &pairs, sizeof pairs);
  }
  state.largest[r] = now;
  return shrink;
}

// Whether a block's keys are rows of a tile where they lie: whole ones of bfloat16, one step apart.
inline bool keys_in_place(const AttentionCall& c, const Space<Pairs>& s, const BlockRows& at) {
  return c.kv_type == DType::bfloat16 && c.width == 2 * s.words && at.count == kKeys && at.even;
}

// The products of at most kLanes rows with the block's keys where they lie, keys as rows. Needs Tiles.
inline void score_few(const AttentionCall& c, const BlockRows& at, const Space<Pairs>& s) {
  const TileWalk walk{c.key_heads * c.width * 2, kTileWords, kLanes * 4, kTileWords * kLanes};
  const void* keys = static_cast<const uint16_t*>(c.k) + at(0);
  tiles_grid(walk, static_cast<const uint32_t*>(keys), kKeys, s.turned, kLanes, s.words / kTileWords, s.products(), kLanes, true);
}
// The same turned: they stand as those of many rows do.
inline void turn_scores(const Space<Pairs>& s) {
  for (int64_t j = 0; j < kKeys; j += kLanes) {
    turn([&](int i) { return s.products() + (j + i) * kLanes; }, [&](int i) { return s.scores + i * kKeys + j; });
  }
}

// Asks for a block's rows of keys and values.
inline void prefetch_block(const AttentionCall& c, const Task& t, int64_t from) {
  if (from >= c.key_lengths[t.segment]) return;
  const BlockRows at(c, t.segment, t.key_head, from);
  prefetch_rows(c.keys(), at, 0, at.count);
  prefetch_rows(c.values(), at, 0, at.count);
}

// Adds one block of keys to the rows of a task. Needs Tiles.
inline void add_block_by_tiles(const AttentionCall& c, const Task& t, int64_t block, const State& state, const Space<Pairs>& s) {
  const int64_t rows = t.rows(), from = block * kKeys, words = s.words;
  const BlockRows at(c, t.segment, t.key_head, from);
  const bool few = rows <= kLanes && keys_in_place(c, s, at);
  if (few) {
    score_few(c, at, s);
  } else {
    stage_columns(c.keys(), at.count, s.words, kKeys, at, s.staged, s.keys);
  }
  stage_values(c.values(), at, s.padded, s.values);
  prefetch_block(c, t, from + kKeys);
  if (few) turn_scores(s);
  uint8_t lost[kKeys];
  const bool taken = !see_alike(t, s, from, at.count, kKeys) && take_out(s.values, at.count, s.padded, lost);
  const TileWalk inward{words * 4, kTileWords, kKeys * 4, kTileWords * kKeys}, outward{kKeyPairs * 4, kTileWords, s.padded * 4, kTileWords * s.padded};
  for (int64_t r = 0; r < rows; r += kRowGroup) {
    const int64_t end = r + kRowGroup < rows ? r + kRowGroup : rows, whole = whole_vectors(end - r);
    if (Columns(s.first[r], s.last[end - 1], from).empty()) continue;
    if (!few) tiles_grid(inward, s.queries + r * words, whole, s.keys, kKeys, words / kTileWords, s.scores + r * kKeys, kKeys, true);
    for (int64_t i = r; i < end; ++i) {
      const float shrink = weigh_row(c, s, state, i, from);
      if (shrink == 1.0f) continue;  // most often, once a row has met its largest score
      float* sums = state.sums + i * s.padded;
      for (int64_t d = 0; d < s.padded; d += kLanes) store(sums + d, load(sums + d) * shrink);
    }
    tiles_grid(outward, s.weights + r * kKeyPairs, whole, s.values, s.padded, kKeyPairs / kTileWords, state.sums + r * s.padded, s.padded, false);
  }
  if (!taken) return;
  const uint16_t* weights = reinterpret_cast<const uint16_t*>(s.weights);
  give_back_values(c, t, at, from, lost, state, s, [=](int64_t r, int64_t j) { return from_bf16(weights[r * kKeys + j]); });
}

}  // namespace ts::TS_ISA

#endif
