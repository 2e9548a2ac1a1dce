// What the two ways to make attention's gradients share: the sizes of their pieces and where they read and write.
#pragma once

#include "kernels/attention_call.h"

namespace ts::TS_ISA {

// Keys and queries of a chunk: its keys' operands stay in the second-level cache.
constexpr int64_t kGradChunk = 256;
constexpr int64_t kBlocks = kGradChunk / kKeys;
constexpr int64_t kQueries = 64;  // queries of a tile

struct Gradients {
  const float* gy;
  const float* deltas;  // (N, Hq): gy · y
  float *gq, *gk, *gv;
  Rows grad_rows(const AttentionCall& c) const { return {gy, DType::float32, c.width, c.round}; }
};

// Queries of a tile: rows begin … begin + count - 1 of the batch, of one head.
struct Queries {
  int64_t segment, begin, count, head, position;
  int64_t slot(const AttentionCall& c, int64_t r) const { return (begin + r) * c.heads + head; }
  int64_t key_head(const AttentionCall& c) const { return head / c.groups(); }
};

// Which keys of the chunk, and which queries and gradients of the tile, had values taken out of the rows that are multiplied.
struct Lost {
  bool any_keys, any_queries, any_grads;
  uint8_t keys[kGradChunk], queries[kQueries], grads[kQueries];
};

// Gives them back to what sees them, after a block's products. weight(r, j) and slope(r, j) are of query r and key j of the
// block `from`, the chunk's `place`th; staged: room for a row.
template <class Weight, class Slope>
void give_back_lost(const AttentionCall& c, const Gradients& g, const Queries& t, int64_t from, int64_t place, const Lost& lost, float* query_sums,
                    float* gk, float* gv, int64_t padded, float* staged, const Weight& weight, const Slope& slope) {
  if (!lost.any_keys && !lost.any_queries && !lost.any_grads) return;
  const BlockRows at(c, t.segment, t.key_head(c), from);
  const auto sees = [&](int64_t r, int64_t j) {
    const Columns own(c.first(t.position + r), c.last(t.segment, t.position + r), from);
    return j >= own.lo && j < own.hi && c.lse[t.slot(c, r)] != kNothing;
  };
  const auto add = [&](float* sums, float factor) { give_back(sums, padded, factor, [=](int64_t d) { return load(staged + d); }); };
  const auto stage = [&](const Rows& rows, int64_t start) { stage_row(rows.data, rows.type, start, rows.width, padded, rows.round, staged); };
  for (int64_t j = 0; lost.any_keys && j < at.count; ++j) {
    if (lost.keys[place * kKeys + j] == 0) continue;
    stage(c.keys(), at(j));
    for (int64_t r = 0; r < t.count; ++r) {
      if (sees(r, j)) add(query_sums + r * padded, slope(r, j));
    }
  }
  const auto to_keys = [&](const uint8_t* flags, const Rows& rows, float* sums, const auto& factor) {
    for (int64_t r = 0; r < t.count; ++r) {
      if (flags[r] == 0) continue;
      stage(rows, t.slot(c, r) * c.width);
      for (int64_t j = 0; j < at.count; ++j) {
        if (sees(r, j)) add(sums + (place * kKeys + j) * padded, factor(r, j));
      }
    }
  };
  if (lost.any_queries) to_keys(lost.queries, c.query_rows(), gk, slope);
  if (lost.any_grads) to_keys(lost.grads, g.grad_rows(c), gv, weight);
}

// The slope (d loss / d product) of weight w, whose score is x, where gy · v is g.
TS_INLINE vf slope_of(const AttentionCall& c, vf w, vf x, vf g, vf delta) {
  const vf slope = w * (g - delta) * c.scale;
  if (c.softcap == 0.0f) return slope;
  const vf t = x / c.softcap;
  return slope * (1.0f - t * t);
}

}  // namespace ts::TS_ISA
