// What an optimizer does with a parameter: its step in one pass, and the square of the gradients' norm.
#include <cmath>

#include "kernels/elements.h"

namespace ts::TS_ISA {
namespace {

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

TS_KERNELS(adamw, {"adamw", adamw}, {"sum_squares", sum_squares})
