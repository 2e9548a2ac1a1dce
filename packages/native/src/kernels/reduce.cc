// Sums, extremes, their places, and running sums along axes of float32. An array is seen as (outer, n, inner), n reduced. The
// order of additions is a function of n and of whether the axis is the last one.
#include "kernels/elements.h"

namespace ts::TS_ISA {
namespace {

// A vector of sums (or a row of them) is added to doubles after this many additions.
constexpr int64_t kStretch = 1024;

enum class Fn : int { sum = 0, max = 1, min = 2 };
constexpr float kInfinity = __builtin_inff();

float extreme_of_row(bool largest, const float* row, int64_t n) {
  const vf none = splat(largest ? -kInfinity : kInfinity);
  vf best = none;
  each(n, [&](int64_t i, int count) {
    const vf x = get(row, i, count);
    best = extreme(largest, best, count == kLanes ? x : select(lane_numbers() < count, x, none));
  });
  return fold_lanes(best, [=](float a, float b) { return extreme(largest, splat(a), splat(b))[0]; });
}

float sum_of_row(const float* row, int64_t n) {
  double total = 0;
  for (int64_t from = 0; from < n; from += kStretch) {
    vf sum{};
    each(n - from < kStretch ? n - from : kStretch, [&](int64_t i, int count) { sum += get(row, from + i, count); });
    total += sum_lanes(sum);
  }
  return static_cast<float>(total);
}

// Over the last axis. args: 0 x (rows, n), 1 y, 2 rows, 3 n, 4 fn (0 sum, 1 max, 2 min)
Status reduce_rows(Args& args) {
  const float* x = args.ptr<float>(0);
  float* y = args.ptr<float>(1);
  const int64_t n = args.size(3);
  const Fn fn = static_cast<Fn>(args.integer(4));
  parallel_for(args.size(2), grain_of(n), [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) y[r] = fn == Fn::sum ? sum_of_row(x + r * n, n) : extreme_of_row(fn == Fn::max, x + r * n, n);
  });
  return Status::ok;
}

// Over an axis with others behind it, entry by entry. args: 0 x (outer, n, inner), 1 y, 2 outer, 3 n, 4 inner, 5 fn
Status reduce_columns(Args& args) {
  const float* x = args.ptr<float>(0);
  float* y = args.ptr<float>(1);
  const int64_t n = args.size(3), inner = args.size(4), blocks = (inner + kLanes - 1) / kLanes;
  const Fn fn = static_cast<Fn>(args.integer(5));
  parallel_for(args.size(2) * blocks, grain_of(n * kLanes), [=](int64_t begin, int64_t end, int) {
    for (int64_t task = begin; task < end; ++task) {
      const int64_t outer = task / blocks, i = task % blocks * kLanes;
      const int count = static_cast<int>(inner - i < kLanes ? inner - i : kLanes);
      const float* from = x + outer * n * inner + i;
      vf out;
      if (fn == Fn::sum) {
        double total[kLanes] = {};
        for (int64_t start = 0; start < n; start += kStretch) {
          const int64_t stop = start + kStretch < n ? start + kStretch : n;
          vf sum{};
          for (int64_t r = start; r < stop; ++r) sum += get(from + r * inner, 0, count);
          for (int lane = 0; lane < kLanes; ++lane) total[lane] += sum[lane];
        }
        for (int lane = 0; lane < kLanes; ++lane) out[lane] = static_cast<float>(total[lane]);
      } else {
        out = splat(fn == Fn::max ? -kInfinity : kInfinity);
        for (int64_t r = 0; r < n; ++r) out = extreme(fn == Fn::max, out, get(from + r * inner, 0, count));
      }
      put(y + outer * inner, i, out, count);
    }
  });
  return Status::ok;
}

// The first place of the largest (smallest) element, or of the first NaN; 0 of nothing but -infinity (infinity).
// args: 0 x (outer, n, inner), 1 y int32, 2 outer, 3 n, 4 inner, 5 fn (1 max, 2 min)
Status arg_reduce(Args& args) {
  const float* x = args.ptr<float>(0);
  int32_t* y = args.ptr<int32_t>(1);
  const int64_t n = args.size(3), inner = args.size(4);
  const bool largest = static_cast<Fn>(args.integer(5)) == Fn::max;
  parallel_for(args.size(2) * inner, grain_of(n), [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* from = x + r / inner * n * inner + r % inner;
      const float best = inner == 1 ? extreme_of_row(largest, from, n) : 0;
      float most = largest ? -kInfinity : kInfinity;
      int32_t place = 0;
      for (int64_t i = 0; i < n; ++i) {
        const float v = from[i * inner];
        if (inner == 1) {
          // The value is known: its first occurrence.
          if (v != best && !(best != best && v != v)) continue;
        } else if (!(v != v) && !(largest ? v > most : v < most)) {
          continue;
        }
        most = v;
        place = static_cast<int32_t>(i);
        if (inner == 1 || v != v) break;
      }
      y[r] = place;
    }
  });
  return Status::ok;
}

// Sums are kept in double and rounded at each place. args: 0 x (outer, n, inner), 1 y, 2 outer, 3 n, 4 inner, 5 from the end
Status cumsum(Args& args) {
  const float* x = args.ptr<float>(0);
  float* y = args.ptr<float>(1);
  const int64_t n = args.size(3), inner = args.size(4);
  const bool reverse = args.flag(5);
  parallel_for(args.size(2) * inner, grain_of(n), [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const int64_t start = r / inner * n * inner + r % inner;
      double sum = 0;
      for (int64_t i = 0; i < n; ++i) {
        const int64_t at = start + (reverse ? n - 1 - i : i) * inner;
        sum += x[at];
        y[at] = static_cast<float>(sum);
      }
    }
  });
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(reduce, {"reduce_rows", reduce_rows}, {"reduce_columns", reduce_columns}, {"arg_reduce", arg_reduce}, {"cumsum", cumsum})
