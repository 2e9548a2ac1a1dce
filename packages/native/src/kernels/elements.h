// Elements of dense arrays, shared out among the threads, values of any float dtype, and what look-ups by index share.
#pragma once

#include "core/kernel.h"
#include "core/pool.h"
#include "rows.h"

namespace ts::TS_ISA {

// Elements of a range: enough work to be worth another thread.
constexpr int64_t kGrain = 1 << 14;
// Rows of so many elements that make such a range.
inline int64_t grain_of(int64_t width) { return width >= kGrain ? 1 : kGrain / (width > 0 ? width : 1); }

// body(i, n): n elements from i, over all threads.
template <class F>
inline void each_parallel(int64_t size, const F& body) {
  parallel_for((size + kGrain - 1) / kGrain, 1, [&](int64_t begin, int64_t end, int) {
    const int64_t stop = end * kGrain < size ? end * kGrain : size;
    int64_t i = begin * kGrain;
    for (; i + kLanes <= stop; i += kLanes) body(i, kLanes);
    if (i < stop) body(i, static_cast<int>(stop - i));
  });
}

TS_INLINE vf read_float(const void* p, DType type, int64_t i, int n) {
  if (type == DType::float32) return get(static_cast<const float*>(p), i, n);
  const uint16_t* words = static_cast<const uint16_t*>(p) + i;
  const vh x = n == kLanes ? load_words(words) : load_words_n(words, n);
  return type == DType::bfloat16 ? from_bf16(x) : from_f16(x);
}
TS_INLINE void write_float(void* p, DType type, int64_t i, vf x, int n) {
  if (type == DType::float32) return put(static_cast<float*>(p), i, x, n);
  const vh words = type == DType::bfloat16 ? to_bf16(x) : to_f16(x);
  uint16_t* to = static_cast<uint16_t*>(p) + i;
  if (n == kLanes) store_words(to, words);
  else store_words_n(to, words, n);
}

// Larger (smaller) of two, NaN if either is; of two zeros the one of that sign, so that the order does not matter.
TS_INLINE vf extreme(bool largest, vf p, vf q) {
  const vf equal = largest ? bits<vf>(bits<vi>(p) & bits<vi>(q)) : bits<vf>(bits<vi>(p) | bits<vi>(q));
  return select(p != p, p, select(q != q, q, select(p == q, equal, select(largest ? p > q : p < q, p, q))));
}

// Fails at the first of `count` indices that is outside [0, extent).
inline Status check_indices(const char* op, const int32_t* index, int64_t count, int64_t extent) {
  for (int64_t i = 0; i < count; ++i) {
    if (index[i] >= 0 && index[i] < extent) continue;
    return fail(Status::index_out_of_range, "[%s] expected indices from 0 to %lld, got %d at place %lld", op,
                static_cast<long long>(extent - 1), index[i], static_cast<long long>(i));
  }
  return Status::ok;
}

// y (width) = sums of the columns of x (rows, width), rows in order.
inline void sum_columns(const float* x, int64_t rows, int64_t width, float* y) {
  parallel_for((width + kLanes - 1) / kLanes, 8, [=](int64_t begin, int64_t end, int) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t i = block * kLanes;
      const int n = static_cast<int>(width - i < kLanes ? width - i : kLanes);
      vf sum{};
      for (int64_t r = 0; r < rows; ++r) sum += get(x + r * width, i, n);
      put(y, i, sum, n);
    }
  });
}

}  // namespace ts::TS_ISA
