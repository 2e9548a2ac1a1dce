// The argument record of attention, forward and backward, and which keys a query sees.
#pragma once

#include "core/kernel.h"
#include "kernels/attention_infinite.h"
#include "kernels/attention_stage.h"

namespace ts::TS_ISA {

struct AttentionCall {
  const void *q, *k, *v;
  DType q_type, kv_type;
  const float* sinks;
  float *y, *lse;
  const int32_t *query_offsets, *query_starts, *key_lengths, *page_offsets, *page_rows;
  int64_t segments, page_size, heads, key_heads, width, window;  // window 0: all
  bool causal, round;
  float scale, softcap;  // softcap 0: off
  int64_t query_rows_count, key_rows_count, pages;

  // args: 0 q, 1 k, 2 v, 3 dtype of q, 4 dtype of k and v, 5 sinks or 0, 6 y, 7 lse, 8 query offsets, 9 query starts,
  // 10 key lengths, 11 page offsets, 12 page rows, 13 segments, 14 page size, 15 heads, 16 key heads, 17 width,
  // 18 window or 0, 19 causal, 20 round to bfloat16, 21 scale, 22 softcap or 0, 23 rows of q, 24 rows of k, 25 page rows
  // there are
  explicit AttentionCall(const Args& a)
      : q(a.ptr<void>(0)), k(a.ptr<void>(1)), v(a.ptr<void>(2)), q_type(a.dtype(3)), kv_type(a.dtype(4)), sinks(a.ptr<float>(5)),
        y(a.ptr<float>(6)), lse(a.ptr<float>(7)), query_offsets(a.ptr<int32_t>(8)), query_starts(a.ptr<int32_t>(9)),
        key_lengths(a.ptr<int32_t>(10)), page_offsets(a.ptr<int32_t>(11)), page_rows(a.ptr<int32_t>(12)), segments(a.size(13)),
        page_size(a.size(14)), heads(a.size(15)), key_heads(a.size(16)), width(a.size(17)), window(a.size(18)), causal(a.flag(19)),
        round(a.flag(20)), scale(a.number(21)), softcap(a.number(22)), query_rows_count(a.size(23)), key_rows_count(a.size(24)), pages(a.size(25)) {}

  // What would divide by zero or leave the arrays of the layout: a wrong record ends in an error, not in a signal.
  Status check() const {
    if (segments < 0 || width < 0 || heads < 0) return fail(Status::value, "[attention] expected sizes that are not negative");
    if (heads > 0 && (key_heads <= 0 || heads % key_heads != 0)) {
      return fail(Status::value, "[attention] expected a number of heads that %lld key heads divide, got %lld", static_cast<long long>(key_heads),
                  static_cast<long long>(heads));
    }
    for (int64_t b = 0; b < segments; ++b) {
      const int64_t length = key_lengths[b];
      if (query_offsets[b + 1] < query_offsets[b] || query_offsets[b] < 0 || query_starts[b] < 0 || length < 0) {
        return fail(Status::value, "[attention] expected ascending offsets, starts and lengths from 0 on in segment %lld", static_cast<long long>(b));
      }
      if (length == 0) continue;
      const int64_t first_page = page_offsets[b], end = page_offsets[b + 1];
      if (page_size <= 0 || first_page < 0 || end > pages || (length - 1) / page_size >= end - first_page) {
        return fail(Status::value, "[attention] expected pages for the %lld keys of segment %lld", static_cast<long long>(length), static_cast<long long>(b));
      }
      for (int64_t j = 0; j < length; j += page_size) {
        const int64_t row = page_rows[first_page + j / page_size], rows = length - j < page_size ? length - j : page_size;
        if (row < 0 || row + rows > key_rows_count) {
          return fail(Status::value, "[attention] expected pages within %lld rows of keys, got one that begins at row %lld", static_cast<long long>(key_rows_count),
                      static_cast<long long>(row));
        }
      }
    }
    if (segments > 0 && query_offsets[segments] > query_rows_count) {
      return fail(Status::value, "[attention] expected offsets within %lld rows of queries, got %lld", static_cast<long long>(query_rows_count),
                  static_cast<long long>(query_offsets[segments]));
    }
    return Status::ok;
  }

  int64_t groups() const { return heads / key_heads; }
  // Words of a row of q, k or v, with so many values in a word.
  int64_t words(int per_word) const { return ((width + per_word - 1) / per_word + kLanes - 1) / kLanes * kLanes; }
  int64_t padded() const { return (width + kLanes - 1) / kLanes * kLanes; }
  int64_t queries(int64_t segment) const { return query_offsets[segment + 1] - query_offsets[segment]; }

  int64_t key_row(int64_t segment, int64_t j) const { return page_rows[page_offsets[segment] + j / page_size] + j % page_size; }

  // Visible keys of a query: from first to before last; both ascend with the position.
  int64_t last(int64_t segment, int64_t position) const {
    const int64_t length = key_lengths[segment];
    return causal && position + 1 < length ? position + 1 : length;
  }
  int64_t first(int64_t position) const { return window > 0 && position - window + 1 > 0 ? position - window + 1 : 0; }
  // Whether some query of positions [from, to) sees some key of [key_from, key_to).
  bool touches(int64_t segment, int64_t from, int64_t to, int64_t key_from, int64_t key_to) const {
    return last(segment, to - 1) > key_from && first(from) < key_to && key_from < key_lengths[segment];
  }

  Rows query_rows() const { return {q, q_type, width, round}; }
  Rows keys() const { return {k, kv_type, width, round}; }
  Rows values() const { return {v, kv_type, width, round}; }
};

// Where the rows of a block of keys begin, page by page.
struct BlockRows {
  int64_t starts[kKeys];
  int64_t count, offset = 0;
  // Each lies one step behind the one before, also where a page ends.
  bool even = true;
  int64_t operator()(int64_t j) const { return starts[j] + offset; }

  BlockRows(const AttentionCall& c, int64_t segment, int64_t key_head, int64_t from) {
    const int64_t left = c.key_lengths[segment] - from;
    count = left < kKeys ? left : kKeys;
    const int64_t step = c.key_heads * c.width;
    for (int64_t j = 0; j < count;) {
      const int64_t start = (c.key_row(segment, from + j) * c.key_heads + key_head) * c.width;
      even = even && (j == 0 || start == starts[j - 1] + step);
      const int64_t rest = c.page_size - (from + j) % c.page_size, end = rest < count - j ? j + rest : count;
      for (int64_t first = j; j < end; ++j) starts[j] = start + (j - first) * step;
    }
  }
};

// Columns that a strip of rows needs: whole vectors around [lo, hi).
struct Columns {
  int64_t lo, hi;    // visible keys of the block
  int64_t from, to;  // multiples of kLanes
  bool empty() const { return hi <= lo; }
  Columns(int64_t first, int64_t last, int64_t block) {
    lo = first > block ? first - block : 0;
    hi = last - block < kKeys ? last - block : kKeys;
    from = lo / kLanes * kLanes;
    to = (hi + kLanes - 1) / kLanes * kLanes;
  }
};

// The score of a product: scaled, soft-capped.
TS_INLINE vf score_of(vf x, float scale, float softcap) {
  x *= scale;
  if (softcap != 0.0f) x = tanh(x / softcap) * softcap;
  return x;
}
// Lanes at column `at` that lie in [lo, hi).
TS_INLINE vi visible(int64_t at, int64_t lo, int64_t hi) {
  const vi j = lane_numbers() + static_cast<int32_t>(at);
  return (j >= static_cast<int32_t>(lo)) & (j < static_cast<int32_t>(hi));
}

}  // namespace ts::TS_ISA
