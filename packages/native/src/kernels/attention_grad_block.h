// A task of attention's gradients: a chunk of queries of every head of a key head, against a chunk of keys.
#pragma once

#include "kernels/attention_grad_tiles.h"
#include "vector_math.h"

namespace ts::TS_ISA {

struct GradTask {
  int64_t segment, key_head, chunk;  // of queries
  float* share;  // (2, kGradChunk, padded) for the gradients of k and v, or null: they go to gk and gv at once
};

struct GradSpace {
  int64_t padded;
  mutable Lost lost;
  // Of the chunk's keys and values: columns for the scores' products, rows for the queries' gradients.
  float *key_columns, *value_columns, *key_rows;
  // Of a tile's queries and gradients of y: columns and rows.
  float *query_columns, *grad_columns, *query_rows, *grad_rows;
  float *weights, *slopes, *query_sums, *share, *staged;
  TileSpace tiles;

  static int64_t own_floats(int64_t padded) { return padded * (5 * kGradChunk + 5 * kQueries + kLanes) + 2 * kQueries * kKeys; }
  static int64_t floats(const AttentionCall& c) { return own_floats(c.padded()) + TileSpace::floats(c); }
  GradSpace(const AttentionCall& c, float* data) : padded(c.padded()), tiles(c, data + own_floats(padded)) {
    const auto take = [&](int64_t count) {
      float* place = data;
      data += count;
      return place;
    };
    key_columns = take(kGradChunk * padded);
    value_columns = take(kGradChunk * padded);
    key_rows = take(kGradChunk * padded);
    query_columns = take(kQueries * padded);
    grad_columns = take(kQueries * padded);
    query_rows = take(kQueries * padded);
    grad_rows = take(kQueries * padded);
    query_sums = take(kQueries * padded);
    weights = take(kQueries * kKeys);
    slopes = take(kQueries * kKeys);
    share = take(2 * kGradChunk * padded);
    staged = take(kLanes * padded);
  }
};

// Weights and slopes (d loss / d product) of a strip of rows, in place of the scores and of gy · v.
TS_INLINE void slopes_of(const AttentionCall& c, const Gradients& g, const Queries& t, int64_t block, int64_t first_row, int64_t rows,
                         const Columns& cols, const GradSpace& s) {
  const auto rounded = [&](vf x) { return c.round ? round_bf16(x) : x; };
  for (int64_t r = first_row; r < first_row + rows; ++r) {
    const int64_t slot = t.slot(c, r);
    const float lse = c.lse[slot], delta = g.deltas[slot];
    // A query whose scores are all -infinity has weights 0, not the NaN that the formula would give.
    const Columns own(c.first(t.position + r), lse == kNothing ? 0 : c.last(t.segment, t.position + r), block);
    float *weights = s.weights + r * kKeys, *slopes = s.slopes + r * kKeys;
    for (int64_t j = cols.from; j < cols.to; j += kLanes) {
      const vi mask = visible(j, own.lo, own.hi);
      const vf x = score_of(load(weights + j), c.scale, c.softcap);
      const vf w = select(mask, exp(x - lse), vf{});
      const vf slope = slope_of(c, w, x, load(slopes + j), splat(delta));
      store(weights + j, rounded(w));
      store(slopes + j, select(mask, rounded(slope), vf{}));
    }
  }
}

// One tile of queries against one block of keys of the chunk.
inline void add_block(const AttentionCall& c, const Gradients& g, const Queries& t, int64_t from, int64_t place, float* gk, float* gv, const GradSpace& s) {
  const int64_t left = c.key_lengths[t.segment] - from, keys = left < kKeys ? left : kKeys, padded = s.padded;
  const auto seen = [&](int64_t first, int64_t last) {
    return Columns(c.first(t.position + first), c.last(t.segment, t.position + last), from);
  };
  const Columns narrow(c.first(t.position + t.count - 1), c.last(t.segment, t.position), from);
  if (narrow.lo > 0 || narrow.hi < kKeys) {
    // Not every query sees every key: what the strips below leave out is zero.
    std::memset(s.weights, 0, static_cast<size_t>(kQueries * kKeys) * 4);
    std::memset(s.slopes, 0, static_cast<size_t>(kQueries * kKeys) * 4);
  }
  const float *key_columns = s.key_columns + place * kKeys * padded, *value_columns = s.value_columns + place * kKeys * padded;
  for (int64_t r = 0; r < t.count; r += kStrip) {
    const int64_t rows = t.count - r < kStrip ? t.count - r : kStrip;
    const Columns cols = seen(r, r + rows - 1);
    if (cols.empty()) continue;
    const int64_t at = r * kKeys + cols.from;
    strip<Singles, false, From::zero>({s.query_columns + r, kQueries, key_columns + cols.from, kKeys, 0, c.width, s.weights + at, kKeys, nullptr},
                                      rows, cols.to - cols.from);
    strip<Singles, false, From::zero>({s.grad_columns + r, kQueries, value_columns + cols.from, kKeys, 0, c.width, s.slopes + at, kKeys, nullptr},
                                      rows, cols.to - cols.from);
    slopes_of(c, g, t, from, r, rows, cols, s);
    strip<Singles, true, From::there>({s.slopes + r * kKeys, kKeys, s.key_rows + place * kKeys * padded, padded, cols.lo, cols.hi,
                                       s.query_sums + r * padded, padded, nullptr},
                                      rows, padded);
  }
  for (int64_t j = 0; j < keys; j += kStrip) {
    const int64_t rows = keys - j < kStrip ? keys - j : kStrip;
    // Queries that see a key of the strip: from the first that reaches it to the last whose window does.
    int64_t lo = 0, hi = t.count;
    if (c.causal && from + j > t.position) lo = from + j - t.position;
    if (c.window > 0 && from + j + rows - 1 + c.window - t.position < hi) hi = from + j + rows - 1 + c.window - t.position;
    if (hi <= lo) continue;
    strip<Singles, false, From::there>({s.slopes + j, kKeys, s.query_rows, padded, lo, hi, gk + (place * kKeys + j) * padded, padded, nullptr}, rows, padded);
    strip<Singles, false, From::there>({s.weights + j, kKeys, s.grad_rows, padded, lo, hi, gv + (place * kKeys + j) * padded, padded, nullptr}, rows, padded);
  }
  const auto of = [](const float* rows) { return [=](int64_t r, int64_t j) { return rows[r * kKeys + j]; }; };
  give_back_lost(c, g, t, from, place, s.lost, s.query_sums, gk, gv, padded, s.staged, of(s.weights), of(s.slopes));
}

// Adds the shares of a chunk's keys to gk and gv.
inline void add_keys(const AttentionCall& c, const Gradients& g, int64_t segment, int64_t key_head, int64_t from, const float* share, int64_t padded) {
  const int64_t left = c.key_lengths[segment] - from, count = left < kGradChunk ? left : kGradChunk;
  for (int64_t j = 0; j < count; ++j) {
    const int64_t at = (c.key_row(segment, from + j) * c.key_heads + key_head) * c.width;
    const float *keys = share + j * padded, *values = keys + kGradChunk * padded;
    for (int64_t d = 0; d < c.width; ++d) {
      g.gk[at + d] += keys[d];
      g.gv[at + d] += values[d];
    }
  }
}

// The float32 operands of a task's keys.
inline void stage_keys(const AttentionCall& c, const GradTask& task, int64_t from, int64_t blocks, const GradSpace& s) {
  const int64_t padded = s.padded;
  s.lost.any_keys = false;
  for (int64_t i = 0; i < blocks; ++i) {
    const BlockRows at(c, task.segment, task.key_head, from + i * kKeys);
    float* rows = s.key_rows + i * kKeys * padded;
    stage_columns(c.keys(), at.count, padded, kKeys, at, s.staged, s.key_columns + i * kKeys * padded);
    stage_columns(c.values(), at.count, padded, kKeys, at, s.staged, s.value_columns + i * kKeys * padded);
    stage_rows(c.keys(), at.count, padded, at, rows);
    uint8_t* flags = s.lost.keys + i * kKeys;
    if (take_out(rows, at.count, padded, flags)) s.lost.any_keys = true;
    else std::memset(flags, 0, kKeys);
  }
}

// The same of a tile of queries.
inline void stage_queries(const AttentionCall& c, const Gradients& g, const Queries& t, const GradSpace& s) {
  const auto start = [&](int64_t r) { return t.slot(c, r) * c.width; };
  stage_columns(c.query_rows(), t.count, s.padded, kQueries, start, s.staged, s.query_columns);
  stage_columns(g.grad_rows(c), t.count, s.padded, kQueries, start, s.staged, s.grad_columns);
  stage_rows(c.query_rows(), t.count, s.padded, start, s.query_rows);
  stage_rows(g.grad_rows(c), t.count, s.padded, start, s.grad_rows);
  s.lost.any_queries = take_out(s.query_rows, t.count, s.padded, s.lost.queries);
  s.lost.any_grads = take_out(s.grad_rows, t.count, s.padded, s.lost.grads);
}

// A chunk of queries of every head of a key head, against the chunk of keys from `from`.
inline void backward(const AttentionCall& c, const Gradients& g, const GradTask& task, int64_t from, const GradSpace& s) {
  const int64_t padded = s.padded, b = task.segment, groups = c.groups();
  float* gk = task.share != nullptr ? task.share : s.share;
  float* gv = gk + kGradChunk * padded;
  std::memset(gk, 0, static_cast<size_t>(2 * kGradChunk * padded) * 4);
  const int64_t left = c.key_lengths[b] - from, blocks = left < kGradChunk ? (left + kKeys - 1) / kKeys : kBlocks;
  const bool by_tiles = kHaveTiles && c.round;
  [[maybe_unused]] const TileRegisters registers;
  if (by_tiles) {
    for (int64_t i = 0; i < blocks; ++i) stage_block(c, BlockRows(c, b, task.key_head, from + i * kKeys), i, s.tiles);
  } else {
    stage_keys(c, task, from, blocks, s);
  }
  const int64_t first = task.chunk * kGradChunk, most = c.queries(b), end = first + kGradChunk < most ? first + kGradChunk : most;
  for (int64_t head = task.key_head * groups; head < (task.key_head + 1) * groups; ++head) {
    for (int64_t q = first; q < end; q += kQueries) {
      const Queries t{b, c.query_offsets[b] + q, end - q < kQueries ? end - q : kQueries, head, c.query_starts[b] + q};
      if (!c.touches(b, t.position, t.position + t.count, from, from + kGradChunk)) continue;
      const auto each_block = [&](const auto& add) {
        for (int64_t i = 0; i < blocks; ++i) {
          const int64_t at = from + i * kKeys;
          if (c.touches(b, t.position, t.position + t.count, at, at + kKeys)) add(at, i);
        }
      };
      std::memset(s.query_sums, 0, static_cast<size_t>(kQueries * padded) * 4);
      if (by_tiles) {
        stage_tile(c, g, t, s.tiles);
        each_block([&](int64_t at, int64_t i) { add_block_by_tiles(c, g, t, at, i, s.query_sums, gk, gv, s.tiles); });
      } else {
        stage_queries(c, g, t, s);
        each_block([&](int64_t at, int64_t i) { add_block(c, g, t, at, i, gk, gv, s); });
      }
      for (int64_t r = 0; r < t.count; ++r) {
        float* to = g.gq + t.slot(c, r) * c.width;
        for (int64_t d = 0; d < c.width; ++d) to[d] += s.query_sums[r * padded + d];
      }
    }
  }
  if (task.share == nullptr) add_keys(c, g, b, task.key_head, from, gk, padded);
}

}  // namespace ts::TS_ISA
