// Gradients of attention in bfloat16 on AMX: a tile of queries against one block of keys is five products of tiles.
//
// Scores and slopes have keys as rows, so that a query's values stand in a column; weights and slopes then are, row by row,
// what the keys' gradients multiply, and only the slopes are transposed, for the queries' gradients.
#pragma once

#include "vector_math.h"

#include "kernels/attention_grad_call.h"

namespace ts::TS_ISA {

#if defined(TS_TILES)

using TileRegisters = Tiles<>;

static_assert(kQueries == kKeys, "stage_pairs makes kKeys rows");

// A thread's operands: bfloat16 in pairs, a row or a column of pairs along the inner dimension of its product.
struct TileSpace {
  int64_t words, padded;  // pairs of a row; columns of an output
  uint32_t *keys, *values, *key_pairs;                      // of the chunk: rows, rows, pairs of keys by columns
  uint32_t *queries, *grads, *query_pairs, *grad_pairs;     // of a tile: columns, columns, pairs of queries by columns
  uint32_t *weights, *slope_rows, *slope_columns, *staged;  // (keys, pairs of queries) twice, (queries, pairs of keys)
  mutable Lost lost;
  float *scores, *slopes, *lse, *delta;
  int32_t *first, *last;  // keys that a query sees

  static int64_t floats(const AttentionCall& c) {
    const int64_t words = c.words(2), padded = c.padded();
    return kGradChunk * (2 * words + padded / 2) + kQueries * (2 * words + padded) + 3 * kKeys * kKeyPairs + kLanes * (words + 2 * kLanes) +
           2 * kKeys * kQueries + 4 * kQueries;
  }
  TileSpace(const AttentionCall& c, float* data) : words(c.words(2)), padded(c.padded()) {
    const auto take = [&](int64_t count) {
      float* place = data;
      data += count;
      return place;
    };
    const auto take_words = [&](int64_t count) { return reinterpret_cast<uint32_t*>(take(count)); };
    keys = take_words(kGradChunk * words);
    values = take_words(kGradChunk * words);
    key_pairs = take_words(kGradChunk / 2 * padded);
    queries = take_words(kQueries * words);
    grads = take_words(kQueries * words);
    query_pairs = take_words(kQueries / 2 * padded);
    grad_pairs = take_words(kQueries / 2 * padded);
    weights = take_words(kKeys * kKeyPairs);
    slope_rows = take_words(kKeys * kKeyPairs);
    slope_columns = take_words(kKeys * kKeyPairs);
    staged = take_words(kLanes * (words + 2 * kLanes));
    scores = take(kKeys * kQueries);
    slopes = take(kKeys * kQueries);
    lse = take(kQueries);
    delta = take(kQueries);
    first = reinterpret_cast<int32_t*>(take(kQueries));
    last = reinterpret_cast<int32_t*>(take(kQueries));
  }
};

// The operands of one block of the chunk's keys.
inline void stage_block(const AttentionCall& c, const BlockRows& at, int64_t place, const TileSpace& s) {
  const auto rows = [&](const Rows& source, uint32_t* out) {
    stage_rows(source, at.count, s.words, at, out);
    std::memset(out + at.count * s.words, 0, static_cast<size_t>((kKeys - at.count) * s.words) * 4);
  };
  rows(c.keys(), s.keys + place * kKeys * s.words);
  rows(c.values(), s.values + place * kKeys * s.words);
  uint32_t* pairs = s.key_pairs + place * kKeyPairs * s.padded;
  stage_pairs(c.keys(), at.count, s.padded, at, pairs);
  uint8_t* flags = s.lost.keys + place * kKeys;
  if (place == 0) s.lost.any_keys = false;
  if (take_out(pairs, at.count, s.padded, flags)) s.lost.any_keys = true;
  else std::memset(flags, 0, kKeys);
}

// The operands of a tile of queries.
inline void stage_tile(const AttentionCall& c, const Gradients& g, const Queries& t, const TileSpace& s) {
  const auto start = [&](int64_t r) { return t.slot(c, r) * c.width; };
  stage_pairs(c.query_rows(), t.count, s.padded, start, s.query_pairs);
  stage_pairs(g.grad_rows(c), t.count, s.padded, start, s.grad_pairs);
  s.lost.any_queries = take_out(s.query_pairs, t.count, s.padded, s.lost.queries);
  s.lost.any_grads = take_out(s.grad_pairs, t.count, s.padded, s.lost.grads);
  if (t.count < kQueries) {
    std::memset(s.queries, 0, static_cast<size_t>(kQueries * s.words) * 4);
    std::memset(s.grads, 0, static_cast<size_t>(kQueries * s.words) * 4);
  }
  stage_columns(c.query_rows(), t.count, s.words, kQueries, start, s.staged, s.queries);
  stage_columns(g.grad_rows(c), t.count, s.words, kQueries, start, s.staged, s.grads);
  for (int64_t r = 0; r < kQueries; ++r) {
    const float lse = r < t.count ? c.lse[t.slot(c, r)] : kNothing;
    // A query that sees nothing, or whose scores are all -infinity, has weights 0.
    const bool sees = lse != kNothing;
    s.first[r] = sees ? static_cast<int32_t>(c.first(t.position + r)) : 0;
    s.last[r] = sees ? static_cast<int32_t>(c.last(t.segment, t.position + r)) : 0;
    s.lse[r] = sees ? lse : 0;
    s.delta[r] = sees ? g.deltas[t.slot(c, r)] : 0;
  }
}

// Weights and slopes of 2 kLanes queries from q0 on, from their scores and gy · v. `from`: the block's first key.
TS_INLINE void weigh(const AttentionCall& c, int64_t q0, int64_t from, const TileSpace& s) {
  vi first[2], last[2];
  vf lse[2], delta[2];
  for (int h = 0; h < 2; ++h) {
    const int64_t q = q0 + h * kLanes;
    first[h] = load(s.first + q) - static_cast<int32_t>(from);
    last[h] = load(s.last + q) - static_cast<int32_t>(from);
    lse[h] = load(s.lse + q);
    delta[h] = load(s.delta + q);
  }
  for (int64_t j = 0; j < kKeys; j += 2) {
    vf slopes[2][2];
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const vi key = splat_i(static_cast<int32_t>(j + i));
      vf weights[2];
#pragma GCC unroll 2
      for (int h = 0; h < 2; ++h) {
        const int64_t at = (j + i) * kQueries + q0 + h * kLanes;
        const vi seen = (key >= first[h]) & (key < last[h]);
        const vf x = score_of(load(s.scores + at), c.scale, c.softcap);
        weights[h] = select(seen, exp(x - lse[h]), vf{});
        slopes[i][h] = select(seen, slope_of(c, weights[h], x, load(s.slopes + at), delta[h]), vf{});
      }
      const int64_t row = (j + i) * kKeyPairs + q0 / 2;
      const vu pair = narrow(weights[0], weights[1]), slope = narrow(slopes[i][0], slopes[i][1]);
      std::memcpy(s.weights + row, &pair, sizeof pair);
      std::memcpy(s.slope_rows + row, &slope, sizeof slope);
    }
    const int64_t pair = j / 2 % kLanes;
    for (int h = 0; h < 2; ++h) {
      uint32_t* stretch = s.staged + h * kLanes * kLanes;
      const vu words = pair_words(slopes[0][h], slopes[1][h]);
      std::memcpy(stretch + pair * kLanes, &words, sizeof words);
      if (pair < kLanes - 1) continue;
      uint32_t* to = s.slope_columns + (q0 + h * kLanes) * kKeyPairs + j / 2 - pair;
      turn([=](int l) { return stretch + l * kLanes; }, [=](int i) { return to + i * kKeyPairs; });
    }
  }
}

// A tile of queries against the block of keys `from`, the chunk's `place`th: adds to the queries' sums and to gk and gv,
// the gradients of the chunk's keys. Needs TileRegisters.
inline void add_block_by_tiles(const AttentionCall& c, const Gradients& g, const Queries& t, int64_t from, int64_t place, float* query_sums,
                               float* gk, float* gv, const TileSpace& s) {
  const TileWalk inward{s.words * 4, kTileWords, kQueries * 4, kTileWords * kQueries};
  const auto products = [&](const uint32_t* rows, const uint32_t* columns, float* out) {
    tiles_grid(inward, rows + place * kKeys * s.words, kKeys, columns, kQueries, s.words / kTileWords, out, kQueries, true);
  };
  products(s.keys, s.queries, s.scores);
  products(s.values, s.grads, s.slopes);
  for (int64_t q = 0; q < kQueries; q += 2 * kLanes) weigh(c, q, from, s);
  const TileWalk outward{kKeyPairs * 4, kTileWords, s.padded * 4, kTileWords * s.padded};
  const auto add = [&](const uint32_t* rows, const uint32_t* pairs, float* out) {
    tiles_grid(outward, rows, kKeys, pairs, s.padded, kKeyPairs / kTileWords, out, s.padded, false);
  };
  add(s.weights, s.grad_pairs, gv + place * kKeys * s.padded);
  add(s.slope_rows, s.query_pairs, gk + place * kKeys * s.padded);
  add(s.slope_columns, s.key_pairs + place * kKeyPairs * s.padded, query_sums);
  const auto of = [](const uint32_t* rows) {
    return [=](int64_t r, int64_t j) { return from_bf16(reinterpret_cast<const uint16_t*>(rows)[j * kQueries + r]); };
  };
  give_back_lost(c, g, t, from, place, s.lost, query_sums, gk, gv, s.padded, reinterpret_cast<float*>(s.staged), of(s.weights), of(s.slope_rows));
}

#else

// Families without tiles never come here.
struct TileRegisters {};
struct TileSpace {
  static int64_t floats(const AttentionCall&) { return 0; }
  TileSpace(const AttentionCall&, float*) {}
};
inline void stage_block(const AttentionCall&, const BlockRows&, int64_t, const TileSpace&) {}
inline void stage_tile(const AttentionCall&, const Gradients&, const Queries&, const TileSpace&) {}
inline void add_block_by_tiles(const AttentionCall&, const Gradients&, const Queries&, int64_t, int64_t, float*, float*, float*, const TileSpace&) {}

#endif

}  // namespace ts::TS_ISA
