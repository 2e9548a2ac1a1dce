// Elementwise work of a training step on dense float32: activations, gated feed-forwards, rotary positions, sums.
#include <cmath>

#include "core/kernel.h"
#include "core/pool.h"
#include "activations.h"
#include "rows.h"

namespace ts::TS_ISA {
namespace {

// Elements of a range: enough work to be worth another thread.
constexpr int64_t kGrain = 1 << 14;

// body(i, n): n elements from i, over all threads.
template <class F>
void each_parallel(int64_t size, const F& body) {
  parallel_for((size + kGrain - 1) / kGrain, 1, [&](int64_t begin, int64_t end, int) {
    const int64_t stop = end * kGrain < size ? end * kGrain : size;
    int64_t i = begin * kGrain;
    for (; i + kLanes <= stop; i += kLanes) body(i, kLanes);
    if (i < stop) body(i, static_cast<int>(stop - i));
  });
}
// args: 0 x, 1 y, 2 size, 3 act
Status activation(Args& args) {
  const float* x = args.ptr<float>(0);
  float* y = args.ptr<float>(1);
  const Act act = static_cast<Act>(args.integer(3));
  each_parallel(args.size(2), [=](int64_t i, int n) { put(y, i, activate(act, get(x, i, n)), n); });
  return Status::ok;
}

// args: 0 x, 1 gy, 2 gx, 3 size, 4 act
Status activation_grad(Args& args) {
  const float *x = args.ptr<float>(0), *gy = args.ptr<float>(1);
  float* gx = args.ptr<float>(2);
  const Act act = static_cast<Act>(args.integer(4));
  each_parallel(args.size(3), [=](int64_t i, int n) { put(gx, i, get(gy, i, n) * slope(act, get(x, i, n)), n); });
  return Status::ok;
}

// args: 0 gate, 1 up, 2 y, 3 size, 4 act
Status gated(Args& args) {
  const float *gate = args.ptr<float>(0), *up = args.ptr<float>(1);
  float* y = args.ptr<float>(2);
  const Act act = static_cast<Act>(args.integer(4));
  each_parallel(args.size(3), [=](int64_t i, int n) { put(y, i, activate(act, get(gate, i, n)) * get(up, i, n), n); });
  return Status::ok;
}

// args: 0 gate, 1 up, 2 gy, 3 ggate, 4 gup, 5 size, 6 act
Status gated_grad(Args& args) {
  const float *gate = args.ptr<float>(0), *up = args.ptr<float>(1), *gy = args.ptr<float>(2);
  float *ggate = args.ptr<float>(3), *gup = args.ptr<float>(4);
  const Act act = static_cast<Act>(args.integer(6));
  each_parallel(args.size(5), [=](int64_t i, int n) {
    const vf x = get(gate, i, n), g = get(gy, i, n);
    put(ggate, i, g * get(up, i, n) * slope(act, x), n);
    put(gup, i, g * activate(act, x), n);
  });
  return Status::ok;
}

// args: 0 x, 1 cos, 2 sin, 3 y, 4 rows, 5 heads, 6 width, 7 half, 8 interleaved, 9 inverse
Status rope(Args& args) {
  const float *x = args.ptr<float>(0), *cosines = args.ptr<float>(1), *sines = args.ptr<float>(2);
  float* y = args.ptr<float>(3);
  const int64_t heads = args.size(5), width = args.size(6), half = args.size(7);
  const bool interleaved = args.flag(8);
  const float sign = args.flag(9) ? -1.0f : 1.0f;
  parallel_for(args.size(4), 16, [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float *c = cosines + r * half, *s = sines + r * half;
      for (int64_t h = 0; h < heads; ++h) {
        const float* from = x + (r * heads + h) * width;
        float* to = y + (r * heads + h) * width;
        if (2 * half < width) std::memcpy(to + 2 * half, from + 2 * half, static_cast<size_t>(width - 2 * half) * 4);
        if (interleaved) {
          for (int64_t i = 0; i < half; ++i) {
            const float a = from[2 * i], b = from[2 * i + 1], sine = sign * s[i];
            to[2 * i] = fma(a, c[i], -(b * sine));
            to[2 * i + 1] = fma(b, c[i], a * sine);
          }
          continue;
        }
        const auto turn = [=](int64_t i, int n) {
          const vf a = get(from, i, n), b = get(from + half, i, n), cosine = get(c, i, n), sine = sign * get(s, i, n);
          put(to, i, fma(a, cosine, -(b * sine)), n);
          put(to + half, i, fma(b, cosine, a * sine), n);
        };
        int64_t i = 0;
        for (; i + kLanes <= half; i += kLanes) turn(i, kLanes);
        if (i < half) turn(i, static_cast<int>(half - i));
      }
    }
  });
  return Status::ok;
}

// Larger (smaller) of two, NaN if either is; of two zeros the one of that sign.
TS_INLINE vf extreme(bool largest, vf p, vf q) {
  const vf equal = largest ? bits<vf>(bits<vi>(p) & bits<vi>(q)) : bits<vf>(bits<vi>(p) | bits<vi>(q));
  return select(p != p, p, select(q != q, q, select(p == q, equal, select(largest ? p > q : p < q, p, q))));
}

TS_INLINE vf combine(int fn, vf p, vf q) {
  switch (fn) {
    case 0: return p + q;
    case 1: return p - q;
    case 2: return p * q;
    case 3: return p / q;
    default: return extreme(fn == 4, p, q);
  }
}

// b is as long as a, one value, or one row of `period` values for every row of a.
// args: 0 a, 1 b, 2 y, 3 size, 4 fn (0 add, 1 sub, 2 mul, 3 div, 4 max, 5 min), 5 length of b; 0: as long as a
Status binary(Args& args) {
  const float *a = args.ptr<float>(0), *b = args.ptr<float>(1);
  float* y = args.ptr<float>(2);
  const int64_t size = args.size(3), period = args.size(5);
  const int fn = args.integer(4);
  if (period == 0 || period == size || period == 1) {
    const bool single = period == 1 && size != 1;
    each_parallel(size, [=](int64_t i, int n) { put(y, i, combine(fn, get(a, i, n), single ? splat(b[0]) : get(b, i, n)), n); });
    return Status::ok;
  }
  parallel_for(size / period, kGrain / period + 1, [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      each(period, [=](int64_t i, int n) { put(y, r * period + i, combine(fn, get(a, r * period + i, n), get(b, i, n)), n); });
    }
  });
  return Status::ok;
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

// Between float32, bfloat16 and float16, to nearest even. args: 0 x, 1 y, 2 size, 3 dtype of x, 4 of y
Status cast(Args& args) {
  const void* x = args.ptr<void>(0);
  void* y = args.ptr<void>(1);
  const DType from = args.dtype(3), to = args.dtype(4);
  if (args.integer(3) > 2 || args.integer(4) > 2) return fail(Status::dtype, "[cast] expected float dtypes");
  each_parallel(args.size(2), [=](int64_t i, int n) { write_float(y, to, i, read_float(x, from, i, n), n); });
  return Status::ok;
}

// args: 0 target, 1 factor, 2 size
Status scale_in_place(Args& args) {
  if (args.size(2) <= 0) return Status::ok;
  float* target = args.ptr<float>(0);
  const float factor = *args.ptr<float>(1);
  each_parallel(args.size(2), [=](int64_t i, int n) { put(target, i, get(target, i, n) * factor, n); });
  return Status::ok;
}

// args: 0 target, 1 source, 2 size
Status add_in_place(Args& args) {
  float* target = args.ptr<float>(0);
  const float* source = args.ptr<float>(1);
  each_parallel(args.size(2), [=](int64_t i, int n) { put(target, i, get(target, i, n) + get(source, i, n), n); });
  return Status::ok;
}

// Sums over the first axis, rows in order. args: 0 x, 1 y, 2 rows, 3 width
Status sum_rows(Args& args) {
  const float* x = args.ptr<float>(0);
  float* y = args.ptr<float>(1);
  const int64_t rows = args.size(2), width = args.size(3);
  parallel_for((width + kLanes - 1) / kLanes, 8, [=](int64_t begin, int64_t end, int) {
    for (int64_t block = begin; block < end; ++block) {
      const int64_t i = block * kLanes;
      const int n = static_cast<int>(width - i < kLanes ? width - i : kLanes);
      vf sum{};
      for (int64_t r = 0; r < rows; ++r) sum += get(x + r * width, i, n);
      put(y, i, sum, n);
    }
  });
  return Status::ok;
}

// Rows of a table. args: 0 table, 1 ids, 2 y, 3 count, 4 row bytes, 5 rows of the table
Status take_rows(Args& args) {
  const char* table = args.ptr<char>(0);
  const int32_t* ids = args.ptr<int32_t>(1);
  char* y = args.ptr<char>(2);
  const int64_t count = args.size(3), bytes = args.size(4), rows = args.size(5);
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] < 0 || ids[i] >= rows)
      return fail(Status::index_out_of_range, "[indexSelect] expected indices from 0 to %lld, got %d", static_cast<long long>(rows - 1), ids[i]);
  }
  if (bytes <= 0) return Status::ok;
  parallel_for(count, 64, [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) std::memcpy(y + i * bytes, table + ids[i] * bytes, static_cast<size_t>(bytes));
  });
  return Status::ok;
}

// Rows of source (count, width) to rows ids[i] of target, converted between float dtypes; of equal ids the last stays.
// args: 0 target, 1 ids, 2 source, 3 count, 4 width, 5 rows of target, 6 dtype of target, 7 of source
Status write_rows(Args& args) {
  char* target = args.ptr<char>(0);
  const int32_t* ids = args.ptr<int32_t>(1);
  const char* source = args.ptr<char>(2);
  const int64_t count = args.size(3), width = args.size(4), rows = args.size(5);
  const DType to = args.dtype(6), from = args.dtype(7);
  if (args.integer(6) > 2 || args.integer(7) > 2) return fail(Status::dtype, "[writeRowsInPlace] expected float dtypes");
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] < 0 || ids[i] >= rows)
      return fail(Status::index_out_of_range, "[writeRowsInPlace] expected indices from 0 to %lld, got %d at place %lld", static_cast<long long>(rows - 1), ids[i], static_cast<long long>(i));
  }
  const int64_t to_bytes = width * static_cast<int64_t>(dtype_bytes(to)), from_bytes = width * static_cast<int64_t>(dtype_bytes(from));
  // Columns are shared out, in vectors: rows may meet.
  const int64_t vectors = (width + kLanes - 1) / kLanes;
  parallel_for(vectors, kGrain / (kLanes * (count + 1)) + 1, [=](int64_t begin, int64_t end, int) {
    const int64_t stop = end * kLanes < width ? end * kLanes : width;
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = begin * kLanes; i < stop; i += kLanes) {
        const int n = static_cast<int>(stop - i < kLanes ? stop - i : kLanes);
        write_float(target + ids[r] * to_bytes, to, i, read_float(source + r * from_bytes, from, i, n), n);
      }
    }
  });
  return Status::ok;
}

// Row ids[i] of y += row i of x, in order; threads split the columns. args: 0 x, 1 ids, 2 y, 3 count, 4 width, 5 rows of y
Status add_rows(Args& args) {
  const float* x = args.ptr<float>(0);
  const int32_t* ids = args.ptr<int32_t>(1);
  float* y = args.ptr<float>(2);
  const int64_t count = args.size(3), width = args.size(4), rows = args.size(5);
  for (int64_t i = 0; i < count; ++i) {
    if (ids[i] < 0 || ids[i] >= rows)
      return fail(Status::index_out_of_range, "[indexAdd] expected indices from 0 to %lld, got %d", static_cast<long long>(rows - 1), ids[i]);
  }
  parallel_for((width + 63) / 64, 1, [=](int64_t begin, int64_t end, int) {
    const int64_t stop = end * 64 < width ? end * 64 : width;
    for (int64_t r = 0; r < count; ++r) {
      const float* from = x + r * width;
      float* to = y + ids[r] * width;
      int64_t i = begin * 64;
      for (; i + kLanes <= stop; i += kLanes) store(to + i, load(to + i) + load(from + i));
      if (i < stop) store_n(to + i, load_n(to + i, static_cast<int>(stop - i)) + load_n(from + i, static_cast<int>(stop - i)), static_cast<int>(stop - i));
    }
  });
  return Status::ok;
}

// args: 0 param, 1 grad, 2 m, 3 v, 4 maxV or 0, 5 factor or 0, 6 size, 7 lr, 8 beta1, 9 beta2, 10 eps, 11 decay, 12 decoupled, 13 step
Status adamw(Args& args) {
  float *p = args.ptr<float>(0), *m = args.ptr<float>(2), *v = args.ptr<float>(3), *most = args.ptr<float>(4);
  const float* g = args.ptr<float>(1);
  const float factor = args.ptr<float>(5) ? *args.ptr<float>(5) : 1.0f;
  const double lr = args.real(7), beta1 = args.real(8), beta2 = args.real(9), decay = args.real(11), step = args.real(13);
  const bool decoupled = args.flag(12);
  const float b1 = static_cast<float>(beta1), b2 = static_cast<float>(beta2);
  const float c1 = static_cast<float>(1 - beta1), c2 = static_cast<float>(1 - beta2);
  const float size = static_cast<float>(lr / (1 - std::pow(beta1, step)));
  const float root = static_cast<float>(1 / std::sqrt(1 - std::pow(beta2, step)));
  const float keep = static_cast<float>(1 - lr * decay), pull = static_cast<float>(decay), eps = args.number(10);
  each_parallel(args.size(6), [=](int64_t i, int n) {
    vf x = get(p, i, n), grad = get(g, i, n) * factor;
    if (decoupled) x *= keep;
    else grad = fma(x, splat(pull), grad);
    const vf mi = fma(get(m, i, n), splat(b1), grad * c1);
    const vf vi = fma(get(v, i, n), splat(b2), grad * grad * c2);
    put(m, i, mi, n);
    put(v, i, vi, n);
    vf spread = vi;
    if (most) {
      spread = max(get(most, i, n), vi);
      put(most, i, spread, n);
    }
    put(p, i, x - mi * size / fma(sqrt(spread), splat(root), splat(eps)), n);
  });
  return Status::ok;
}

// Adds Σ x² of one array to *total (double), in chunks of fixed length. args: 0 x, 1 size; result in 2: the sum so far, given in 2
Status sum_squares(Args& args) {
  const float* x = args.ptr<float>(0);
  const int64_t size = args.size(1);
  constexpr int64_t kChunks = 1024;
  double sums[kChunks];
  double total = args.real(2);
  for (int64_t from = 0; from < size; from += kChunks * kGrain) {
    const int64_t left = size - from, chunks = left > kChunks * kGrain ? kChunks : (left + kGrain - 1) / kGrain;
    parallel_for(chunks, 1, [&, from](int64_t begin, int64_t end, int) {
      for (int64_t c = begin; c < end; ++c) {
        const int64_t stop = from + (c + 1) * kGrain < size ? from + (c + 1) * kGrain : size;
        vf sum{};
        int64_t i = from + c * kGrain;
        for (; i + kLanes <= stop; i += kLanes) { const vf v = load(x + i); sum = fma(v, v, sum); }
        if (i < stop) { const vf v = load_n(x + i, static_cast<int>(stop - i)); sum = fma(v, v, sum); }
        sums[c] = sum_lanes(sum);
      }
    });
    for (int64_t c = 0; c < chunks; ++c) total += sums[c];
  }
  args.set(2, total);
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(pointwise, {"activation", activation}, {"activation_grad", activation_grad}, {"gated", gated}, {"gated_grad", gated_grad},
           {"rope", rope}, {"binary", binary}, {"cast", cast}, {"scale_in_place", scale_in_place}, {"add_in_place", add_in_place}, {"sum_rows", sum_rows}, {"take_rows", take_rows}, {"write_rows", write_rows},
           {"add_rows", add_rows}, {"adamw", adamw}, {"sum_squares", sum_squares})
