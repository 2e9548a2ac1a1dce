// Softmax attention over ragged batches and paged keys, forward and backward.
//
// A query walks its document's keys in blocks of kBlock, counted from the document's start, with a running maximum. What it
// gets depends on itself and on those blocks alone: not on the other queries of a call, on pages or on threads. Masked keys
// have weight exactly 0; a block with no visible key leaves a query's sums as they are, so it is skipped.
#include <cmath>

#include "core/kernel.h"
#include "core/memory.h"
#include "core/pool.h"
#include "math.h"

namespace ts::TS_ISA {
namespace {

constexpr int kBlock = 64;     // keys of a block: four 512-bit or eight 256-bit vectors of scores
constexpr int kVectors = kBlock / kLanes;
constexpr int64_t kTile = 64;  // queries of a task, which share a block's packed keys

struct Call {
  const void *q, *k, *v;
  DType q_type, kv_type;
  const float* sinks;
  float *y, *lse;
  const int32_t *query_offsets, *query_starts, *key_lengths, *page_offsets, *page_rows;
  int64_t segments, page_size, heads, key_heads, width, window;  // window 0: all
  bool causal, round;
  float scale, softcap;  // softcap 0: off

  explicit Call(const Args& a)
      : q(a.ptr<void>(0)), k(a.ptr<void>(1)), v(a.ptr<void>(2)), q_type(a.dtype(3)), kv_type(a.dtype(4)), sinks(a.ptr<float>(5)),
        y(a.ptr<float>(6)), lse(a.ptr<float>(7)), query_offsets(a.ptr<int32_t>(8)), query_starts(a.ptr<int32_t>(9)),
        key_lengths(a.ptr<int32_t>(10)), page_offsets(a.ptr<int32_t>(11)), page_rows(a.ptr<int32_t>(12)), segments(a.size(13)),
        page_size(a.size(14)), heads(a.size(15)), key_heads(a.size(16)), width(a.size(17)), window(a.size(18)), causal(a.flag(19)),
        round(a.flag(20)), scale(a.number(21)), softcap(a.number(22)) {}

  int64_t key_row(int64_t segment, int64_t j) const { return page_rows[page_offsets[segment] + j / page_size] + j % page_size; }
  int64_t padded() const { return (width + kLanes - 1) / kLanes * kLanes; }
  // Visible keys of a query: from first to before last.
  int64_t last(int64_t segment, int64_t position) const {
    const int64_t length = key_lengths[segment];
    return causal && position + 1 < length ? position + 1 : length;
  }
  int64_t first(int64_t position) const { return window > 0 && position - window + 1 > 0 ? position - window + 1 : 0; }
};

// Copies a row of `width` values as float32, rounded to bfloat16 if asked, and zeros up to `padded`.
void copy_row(const void* data, DType type, int64_t start, int64_t width, int64_t padded, bool round, float* out) {
  if (type == DType::bfloat16) {
    const uint16_t* p = static_cast<const uint16_t*>(data) + start;
    for (int64_t d = 0; d < width; ++d) out[d] = from_bf16(p[d]);
  } else {
    const float* p = static_cast<const float*>(data) + start;
    if (round) {
      for (int64_t d = 0; d < width; ++d) out[d] = round_bf16(p[d]);
    } else {
      std::memcpy(out, p, static_cast<size_t>(width) * 4);
    }
  }
  for (int64_t d = width; d < padded; ++d) out[d] = 0;
}

// A block's keys as columns (width, kBlock) and values as rows (kBlock, padded); rows past the document's end are zero.
void load_block(const Call& c, int64_t segment, int64_t key_head, int64_t block, float* columns, float* rows, float* row) {
  const int64_t from = block * kBlock, length = c.key_lengths[segment], padded = c.padded();
  for (int64_t j = 0; j < kBlock; ++j) {
    if (from + j >= length) {
      for (int64_t d = 0; d < c.width; ++d) columns[d * kBlock + j] = 0;
      std::memset(rows + j * padded, 0, static_cast<size_t>(padded) * 4);
      continue;
    }
    const int64_t start = (c.key_row(segment, from + j) * c.key_heads + key_head) * c.width;
    copy_row(c.k, c.kv_type, start, c.width, c.width, c.round, row);
    for (int64_t d = 0; d < c.width; ++d) columns[d * kBlock + j] = row[d];
    copy_row(c.v, c.kv_type, start, c.width, padded, c.round, rows + j * padded);
  }
}

// out[j] = Σ_d x[d] columns[d][j], in ascending d.
TS_INLINE void dot_columns(const float* x, const float* columns, int64_t width, vf out[kVectors]) {
  for (int i = 0; i < kVectors; ++i) out[i] = vf{};
  for (int64_t d = 0; d < width; ++d) {
    const vf xd = splat(x[d]);
    for (int i = 0; i < kVectors; ++i) out[i] = fma(xd, load(columns + d * kBlock + i * kLanes), out[i]);
  }
}

// Scores of one query against a block: scaled, soft-capped; keys outside [first, last) become -infinity.
TS_INLINE void scores_of(const Call& c, const float* query, const float* columns, int64_t from, int64_t first, int64_t last, vf s[kVectors]) {
  dot_columns(query, columns, c.width, s);
  const vf minus = splat(-__builtin_inff());
  for (int i = 0; i < kVectors; ++i) {
    s[i] *= c.scale;
    if (c.softcap != 0.0f) s[i] = tanh(s[i] / c.softcap) * c.softcap;
    const vi j = lane_numbers() + static_cast<int32_t>(from + i * kLanes);
    s[i] = select((j >= static_cast<int32_t>(first)) & (j < static_cast<int32_t>(last)), s[i], minus);
  }
}

struct Task {
  int64_t segment, head, begin, end;  // queries begin … end-1 of the batch
};

// Tasks (segment, head, tile of queries), written out so that threads can share them.
int64_t list_tasks(const Call& c, Task* out) {
  int64_t count = 0;
  for (int64_t b = 0; b < c.segments; ++b) {
    for (int64_t h = 0; h < c.heads; ++h) {
      for (int64_t r = c.query_offsets[b]; r < c.query_offsets[b + 1]; r += kTile) {
        const int64_t end = r + kTile < c.query_offsets[b + 1] ? r + kTile : c.query_offsets[b + 1];
        if (out) out[count] = {b, h, r, end};
        ++count;
      }
    }
  }
  return count;
}

void forward(const Call& c, const Task& t, float* scratch) {
  const int64_t padded = c.padded(), key_head = t.head * c.key_heads / c.heads, count = t.end - t.begin;
  float* columns = scratch;
  float* values = columns + c.width * kBlock;
  float* row = values + kBlock * padded;
  float* queries = row + padded;
  float* sums = queries + kTile * padded;
  float* largest = sums + kTile * padded;
  float* total = largest + kTile;
  const int64_t position = c.query_starts[t.segment] + t.begin - c.query_offsets[t.segment];
  for (int64_t r = 0; r < count; ++r) {
    copy_row(c.q, c.q_type, ((t.begin + r) * c.heads + t.head) * c.width, c.width, padded, c.round, queries + r * padded);
    largest[r] = c.sinks ? c.sinks[t.head] : -__builtin_inff();
    total[r] = c.sinks ? 1.0f : 0.0f;
  }
  std::memset(sums, 0, static_cast<size_t>(count * padded) * 4);
  const int64_t blocks = (c.last(t.segment, position + count - 1) + kBlock - 1) / kBlock;
  for (int64_t block = c.first(position) / kBlock; block < blocks; ++block) {
    const int64_t from = block * kBlock;
    load_block(c, t.segment, key_head, block, columns, values, row);
    for (int64_t r = 0; r < count; ++r) {
      const int64_t first = c.first(position + r), last = c.last(t.segment, position + r);
      if (last <= from || first >= from + kBlock) continue;
      vf s[kVectors];
      scores_of(c, queries + r * padded, columns, from, first, last, s);
      vf most = s[0];
      for (int i = 1; i < kVectors; ++i) most = max(most, s[i]);
      const float peak = max_lanes(most);
      const float now = peak > largest[r] ? peak : largest[r];
      const float shrink = largest[r] == -__builtin_inff() ? 0.0f : exp(splat(largest[r] - now))[0];
      alignas(64) float weights[kBlock];
      vf sum{};
      for (int i = 0; i < kVectors; ++i) {
        const vf w = exp(s[i] - now);
        sum += w;
        store(weights + i * kLanes, c.round ? round_bf16(w) : w);
      }
      largest[r] = now;
      total[r] = fma(total[r], shrink, sum_lanes(sum));
      float* to = sums + r * padded;
      for (int64_t d = 0; d < padded; d += kLanes) {
        vf acc = load(to + d) * shrink;
        for (int j = 0; j < kBlock; ++j) acc = fma(splat(weights[j]), load(values + j * padded + d), acc);
        store(to + d, acc);
      }
    }
  }
  for (int64_t r = 0; r < count; ++r) {
    const int64_t slot = (t.begin + r) * c.heads + t.head;
    const bool none = total[r] == 0.0f;
    const float share = none ? 0.0f : 1.0f / total[r];
    for (int64_t d = 0; d < c.width; ++d) c.y[slot * c.width + d] = sums[r * padded + d] * share;
    c.lse[slot] = none ? -__builtin_inff() : largest[r] + static_cast<float>(std::log(total[r]));
  }
}

// args: 0 q, 1 k, 2 v, 3 dtype of q, 4 dtype of k and v, 5 sinks or 0, 6 y, 7 lse, 8 query offsets, 9 query starts, 10 key lengths,
// 11 page offsets, 12 page rows, 13 segments, 14 page size, 15 heads, 16 key heads, 17 width, 18 window or 0, 19 causal,
// 20 round to bfloat16, 21 scale, 22 softcap or 0
Status attention(Args& args) {
  const Call c(args);
  const int64_t count = list_tasks(c, nullptr);
  const Scratch list(static_cast<size_t>(count) * sizeof(Task));
  const int64_t padded = c.padded();
  const size_t floats = static_cast<size_t>(c.width * kBlock + kBlock * padded + padded + 2 * kTile * padded + 2 * kTile + 16);
  const Scratch scratch(floats * 4 * static_cast<size_t>(threads()));
  if (!list || !scratch) return fail(Status::out_of_memory, "[attention] could not allocate its scratch memory");
  Task* tasks = list.as<Task>();
  list_tasks(c, tasks);
  parallel_for(count, 1, [&](int64_t begin, int64_t end, int slot) {
    for (int64_t i = begin; i < end; ++i) forward(c, tasks[i], scratch.as<float>(floats * 4 * static_cast<size_t>(slot)));
  });
  return Status::ok;
}

// to[0 … padded) += w[0] a[0] + w[1] a[1] + …, rows `stride` apart, in ascending order.
TS_INLINE void add_rows(const float* w, const float* a, int64_t stride, int64_t count, int64_t padded, float* to) {
  for (int64_t d = 0; d < padded; d += kLanes) {
    vf acc = load(to + d);
    for (int64_t i = 0; i < count; ++i) acc = fma(splat(w[i]), load(a + i * stride + d), acc);
    store(to + d, acc);
  }
}

// All queries of one segment and key head: gradients of k and v are this task's alone, and so are those of its heads' q.
void backward(const Call& c, int64_t segment, int64_t key_head, const float* gy, float* gq, float* gk, float* gv, float* scratch) {
  const int64_t padded = c.padded(), groups = c.heads / c.key_heads;
  float* key_columns = scratch;
  float* value_columns = key_columns + c.width * kBlock;
  float* keys = value_columns + c.width * kBlock;
  float* values = keys + kBlock * padded;
  float* key_sums = values + kBlock * padded;
  float* value_sums = key_sums + kBlock * padded;
  float* queries = value_sums + kBlock * padded;
  float* grads = queries + kTile * padded;
  float* weights = grads + kTile * padded;  // (kBlock, kTile): one key's weights of all queries lie together
  float* slopes = weights + kBlock * kTile;
  float* query_sum = slopes + kBlock * kTile;
  const int64_t begin = c.query_offsets[segment], end = c.query_offsets[segment + 1], start = c.query_starts[segment];
  const int64_t blocks = (c.key_lengths[segment] + kBlock - 1) / kBlock;
  for (int64_t block = 0; block < blocks; ++block) {
    const int64_t from = block * kBlock;
    load_block(c, segment, key_head, block, key_columns, values, query_sum);
    for (int64_t j = 0; j < kBlock; ++j) {
      for (int64_t d = 0; d < padded; ++d) keys[j * padded + d] = d < c.width ? key_columns[d * kBlock + j] : 0;
      for (int64_t d = 0; d < c.width; ++d) value_columns[d * kBlock + j] = values[j * padded + d];
    }
    std::memset(key_sums, 0, static_cast<size_t>(2 * kBlock * padded) * 4);
    for (int64_t head = key_head * groups; head < (key_head + 1) * groups; ++head) {
      for (int64_t tile = begin; tile < end; tile += kTile) {
        const int64_t count = end - tile < kTile ? end - tile : kTile, position = start + tile - begin;
        if (c.last(segment, position + count - 1) <= from || c.first(position) >= from + kBlock) continue;
        std::memset(weights, 0, static_cast<size_t>(2 * kBlock * kTile) * 4);
        for (int64_t r = 0; r < count; ++r) {
          const int64_t slot = (tile + r) * c.heads + head;
          float *query = queries + r * padded, *grad = grads + r * padded;
          copy_row(c.q, c.q_type, slot * c.width, c.width, padded, c.round, query);
          copy_row(gy, DType::float32, slot * c.width, c.width, padded, false, grad);
          const int64_t first = c.first(position + r), last = c.last(segment, position + r);
          if (last <= from || first >= from + kBlock || c.lse[slot] == -__builtin_inff()) continue;
          vf s[kVectors], dp[kVectors];
          scores_of(c, query, key_columns, from, first, last, s);
          dot_columns(grad, value_columns, c.width, dp);
          float base = 0;
          for (int64_t d = 0; d < c.width; ++d) base = fma(grad[d], c.y[slot * c.width + d], base);
          alignas(64) float w[kBlock], g[kBlock];
          for (int i = 0; i < kVectors; ++i) {
            const vf weight = exp(s[i] - c.lse[slot]);
            vf slope = weight * (dp[i] - base) * c.scale;
            if (c.softcap != 0.0f) {
              const vf t = s[i] / c.softcap;
              slope *= 1.0f - t * t;
            }
            // A masked key's score is -infinity: its weight is 0 and must not meet that infinity.
            slope = select(weight == vf{}, vf{}, slope);
            store(w + i * kLanes, weight);
            store(g + i * kLanes, slope);
          }
          for (int j = 0; j < kBlock; ++j) {
            weights[j * kTile + r] = w[j];
            slopes[j * kTile + r] = g[j];
          }
          std::memset(query_sum, 0, static_cast<size_t>(padded) * 4);
          add_rows(g, keys, padded, kBlock, padded, query_sum);
          for (int64_t d = 0; d < c.width; ++d) gq[slot * c.width + d] += query_sum[d];
        }
        for (int64_t j = 0; j < kBlock; ++j) {
          add_rows(slopes + j * kTile, queries, padded, count, padded, key_sums + j * padded);
          add_rows(weights + j * kTile, grads, padded, count, padded, value_sums + j * padded);
        }
      }
    }
    for (int64_t j = 0; j < kBlock && from + j < c.key_lengths[segment]; ++j) {
      const int64_t at = (c.key_row(segment, from + j) * c.key_heads + key_head) * c.width;
      for (int64_t d = 0; d < c.width; ++d) {
        gk[at + d] += key_sums[j * padded + d];
        gv[at + d] += value_sums[j * padded + d];
      }
    }
  }
}

// d loss / d sink = -Σ over queries of weight(sink) · (gy · y), in the order of the queries.
void sink_grad(const Call& c, int64_t head, const float* gy, float* gsinks) {
  float sum = 0;
  for (int64_t r = 0; r < c.query_offsets[c.segments]; ++r) {
    const int64_t slot = r * c.heads + head;
    float base = 0;
    for (int64_t d = 0; d < c.width; ++d) base = fma(gy[slot * c.width + d], c.y[slot * c.width + d], base);
    sum -= std::exp(c.sinks[head] - c.lse[slot]) * base;
  }
  gsinks[head] = sum;
}

// True if no two segments read the same rows of k and v, judged by pages in ascending order.
bool rows_apart(const Call& c) {
  int64_t end = 0;
  for (int64_t b = 0; b < c.segments; ++b) {
    for (int64_t j = 0; j < c.key_lengths[b]; j += c.page_size) {
      const int64_t row = c.key_row(b, j), used = c.key_lengths[b] - j < c.page_size ? c.key_lengths[b] - j : c.page_size;
      if (row < end) return false;
      end = row + used;
    }
  }
  return true;
}

// args: as attention's, then 23 gy, 24 gq, 25 gk, 26 gv, 27 gsinks or 0, 28 rows of q, 29 rows of k
Status attention_grad(Args& args) {
  const Call c(args);
  const float* gy = args.ptr<float>(23);
  float *gq = args.ptr<float>(24), *gk = args.ptr<float>(25), *gv = args.ptr<float>(26), *gsinks = args.ptr<float>(27);
  const int64_t padded = c.padded();
  std::memset(gq, 0, static_cast<size_t>(args.size(28) * c.heads * c.width) * 4);
  std::memset(gk, 0, static_cast<size_t>(args.size(29) * c.key_heads * c.width) * 4);
  std::memset(gv, 0, static_cast<size_t>(args.size(29) * c.key_heads * c.width) * 4);
  const size_t floats = static_cast<size_t>(2 * c.width * kBlock + 4 * kBlock * padded + 2 * kTile * padded + 2 * kBlock * kTile + padded + 16);
  const Scratch scratch(floats * 4 * static_cast<size_t>(threads()));
  if (!scratch) return fail(Status::out_of_memory, "[attention] could not allocate its scratch memory");
  // A task adds to its own rows of gk and gv. Where segments share rows, one task does a key head of all of them.
  const bool apart = rows_apart(c);
  const int64_t runs = apart ? c.segments : 1, length = apart ? 1 : c.segments;
  parallel_for(c.key_heads * runs, 1, [&](int64_t begin, int64_t end, int slot) {
    float* own = scratch.as<float>(floats * 4 * static_cast<size_t>(slot));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t head = i % c.key_heads, from = i / c.key_heads;
      for (int64_t b = from; b < from + length; ++b) backward(c, b, head, gy, gq, gk, gv, own);
    }
  });
  if (gsinks) {
    parallel_for(c.heads, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t h = begin; h < end; ++h) sink_grad(c, h, gy, gsinks);
    });
  }
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(attention, {"attention", attention}, {"attention_grad", attention_grad})
