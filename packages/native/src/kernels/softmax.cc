// Softmax, log-softmax and log-sum-exp of rows, and their gradients.
#include "kernels/elements.h"
#include "kernels/loss_rows.h"

namespace ts::TS_ISA {
namespace {

// An exponential costs about as much as two elements elsewhere.
int64_t grain_of_powers(int64_t width) { return grain_of(2 * width); }

// Σ term(i, n) over a row: one vector accumulator per stretch of fixed length, stretches added in double.
template <class F>
double sum_by_stretches(int64_t n, const F& term) {
  constexpr int64_t kStretch = 1024;
  double total = 0;
  for (int64_t from = 0; from < n; from += kStretch) {
    vf sum{};
    each(n - from < kStretch ? n - from : kStretch, [&](int64_t i, int k) { sum += term(from + i, k); });
    total += sum_lanes(sum);
  }
  return total;
}

// args: 0 x, 1 y, 2 rows, 3 width
Status softmax(Args& args) {
  const float* x = args.ptr<float>(0);
  float* y = args.ptr<float>(1);
  const int64_t width = args.size(3);
  parallel_for(args.size(2), grain_of_powers(width), [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = x + r * width;
      const RowSum sum = row_sum(row, width);
      if (sum.sum == 0) {
        std::memset(y + r * width, 0, static_cast<size_t>(width) * 4);
        continue;
      }
      const float share = static_cast<float>(1.0 / sum.sum);
      each(width, [=](int64_t i, int n) { put(y + r * width, i, exp(get(row, i, n) - sum.largest) * share, n); });
    }
  });
  return Status::ok;
}

// gx = y (gy - Σ y gy). args: 0 y, 1 gy, 2 gx, 3 rows, 4 width
Status softmax_grad(Args& args) {
  const float *y = args.ptr<float>(0), *gy = args.ptr<float>(1);
  float* gx = args.ptr<float>(2);
  const int64_t width = args.size(4);
  parallel_for(args.size(3), grain_of_powers(width), [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float *row = y + r * width, *grad = gy + r * width;
      const float dot = static_cast<float>(sum_by_stretches(width, [=](int64_t i, int n) { return get(row, i, n) * get(grad, i, n); }));
      each(width, [=](int64_t i, int n) { put(gx + r * width, i, get(row, i, n) * (get(grad, i, n) - dot), n); });
    }
  });
  return Status::ok;
}

// args: 0 x, 1 y, 2 rows, 3 width
Status log_softmax(Args& args) {
  const float* x = args.ptr<float>(0);
  float* y = args.ptr<float>(1);
  const int64_t width = args.size(3);
  parallel_for(args.size(2), grain_of_powers(width), [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = x + r * width;
      const RowSum sum = row_sum(row, width);
      const double log_sum = std::log(sum.sum);
      // In double and rounded once, as the loss is: -loss and this are the same bits.
      for (int64_t i = 0; i < width; ++i) {
        y[r * width + i] = sum.sum == 0 ? -__builtin_inff() : static_cast<float>(sum.above(row[i]) - log_sum);
      }
    }
  });
  return Status::ok;
}

// gx = gy - e^y Σ gy. args: 0 y, 1 gy, 2 gx, 3 rows, 4 width
Status log_softmax_grad(Args& args) {
  const float *y = args.ptr<float>(0), *gy = args.ptr<float>(1);
  float* gx = args.ptr<float>(2);
  const int64_t width = args.size(4);
  parallel_for(args.size(3), grain_of_powers(width), [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float *row = y + r * width, *grad = gy + r * width;
      const float sum = static_cast<float>(sum_by_stretches(width, [=](int64_t i, int n) { return get(grad, i, n); }));
      each(width, [=](int64_t i, int n) { put(gx + r * width, i, get(grad, i, n) - exp(get(row, i, n)) * sum, n); });
    }
  });
  return Status::ok;
}

// A row that reaches infinity sums to it, as in torch; softmax, log-softmax and losses of such a row are NaN.
// args: 0 x, 1 y, 2 rows, 3 width
Status log_sum_exp(Args& args) {
  const float* x = args.ptr<float>(0);
  float* y = args.ptr<float>(1);
  const int64_t width = args.size(3);
  parallel_for(args.size(2), grain_of_powers(width), [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = x + r * width;
      const RowSum sum = row_sum(row, width);
      const bool infinite = sum.largest == __builtin_inff();
      y[r] = infinite ? sum.largest + nan_or_zero(row, width) : static_cast<float>(sum.lse());
    }
  });
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(softmax, {"softmax", softmax}, {"softmax_grad", softmax_grad}, {"log_softmax", log_softmax},
           {"log_softmax_grad", log_softmax_grad}, {"log_sum_exp", log_sum_exp})
