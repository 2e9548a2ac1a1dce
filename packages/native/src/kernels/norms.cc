// RMS and layer normalisation of rows, forward and backward.
#include "core/kernel.h"
#include "core/memory.h"
#include "core/pool.h"
#include "rows.h"

namespace ts::TS_ISA {
namespace {

// Rows of one chunk of a weight gradient: sums over rows are made in chunks of this many, then over chunks in order, so
// that they do not depend on the number of threads.
constexpr int64_t kChunk = 64;
constexpr int64_t kGrain = 8;

int64_t chunks_of(int64_t rows) { return (rows + kChunk - 1) / kChunk; }

// Σ f(i) over a row: one vector accumulator, masked tail, folded in a fixed tree.
template <class F>
float sum_row(int64_t n, const F& term) {
  vf sum{};
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) sum += term(i, kLanes);
  if (i < n) sum += term(i, static_cast<int>(n - i));
  return sum_lanes(sum);
}

// Adds the chunks' partial sums (chunks, width) in order.
void add_chunks(const float* partial, int64_t chunks, int64_t width, float* out) {
  parallel_for(width, 4096, [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      float sum = 0;
      for (int64_t c = 0; c < chunks; ++c) sum += partial[c * width + i];
      out[i] = sum;
    }
  });
}

// args: 0 x, 1 weight or 0, 2 y, 3 rstd, 4 rows, 5 width, 6 eps, 7 offset
Status rms_norm(Args& args) {
  const float *x = args.ptr<float>(0), *w = args.ptr<float>(1);
  float *y = args.ptr<float>(2), *rstd = args.ptr<float>(3);
  const int64_t width = args.size(5);
  const float eps = args.number(6), offset = args.number(7);
  parallel_for(args.size(4), kGrain, [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = x + r * width;
      const float squares = sum_row(width, [=](int64_t i, int n) { const vf v = get(row, i, n); return v * v; });
      const float scale = 1.0f / __builtin_sqrtf(squares / static_cast<float>(width) + eps);
      rstd[r] = scale;
      each(width, [=](int64_t i, int n) {
        const vf v = get(row, i, n) * scale;
        put(y + r * width, i, w ? v * (get(w, i, n) + offset) : v, n);
      });
    }
  });
  return Status::ok;
}

// args: 0 x, 1 weight or 0, 2 rstd, 3 gy, 4 gx, 5 gweight or 0, 6 rows, 7 width, 8 offset
Status rms_norm_grad(Args& args) {
  const float *x = args.ptr<float>(0), *w = args.ptr<float>(1), *rstd = args.ptr<float>(2), *gy = args.ptr<float>(3);
  float *gx = args.ptr<float>(4), *gw = args.ptr<float>(5);
  const int64_t rows = args.size(6), width = args.size(7);
  const float offset = args.number(8);
  const int64_t chunks = chunks_of(rows);
  const Scratch partial(gw ? static_cast<size_t>(chunks * width) * 4 : 0);
  if (gw && !partial) return fail(Status::out_of_memory, "[rmsNorm] could not allocate the gradient's partial sums");
  float* sums = gw ? partial.as<float>() : nullptr;
  parallel_for(chunks, 1, [=](int64_t begin, int64_t end, int) {
    for (int64_t c = begin; c < end; ++c) {
      float* sum = sums ? sums + c * width : nullptr;
      if (sum) std::memset(sum, 0, static_cast<size_t>(width) * 4);
      for (int64_t r = c * kChunk; r < rows && r < (c + 1) * kChunk; ++r) {
        const float *row = x + r * width, *g = gy + r * width;
        const float scale = rstd[r];
        const auto weighted = [=](int64_t i, int n) { const vf v = get(g, i, n); return w ? v * (get(w, i, n) + offset) : v; };
        const float dot = sum_row(width, [=](int64_t i, int n) { return weighted(i, n) * (get(row, i, n) * scale); });
        const float shrink = dot / static_cast<float>(width);
        each(width, [=](int64_t i, int n) {
          const vf unit = get(row, i, n) * scale;
          if (sum) put(sum, i, fma(get(g, i, n), unit, get(sum, i, n)), n);
          put(gx + r * width, i, (weighted(i, n) - unit * shrink) * scale, n);
        });
      }
    }
  });
  if (gw) add_chunks(sums, chunks, width, gw);
  return Status::ok;
}

// args: 0 x, 1 weight or 0, 2 bias or 0, 3 y, 4 mean, 5 rstd, 6 rows, 7 width, 8 eps
Status layer_norm(Args& args) {
  const float *x = args.ptr<float>(0), *w = args.ptr<float>(1), *b = args.ptr<float>(2);
  float *y = args.ptr<float>(3), *means = args.ptr<float>(4), *rstd = args.ptr<float>(5);
  const int64_t width = args.size(7);
  const float eps = args.number(8);
  parallel_for(args.size(6), kGrain, [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = x + r * width;
      const float mean = sum_row(width, [=](int64_t i, int n) { return get(row, i, n); }) / static_cast<float>(width);
      const float squares = sum_row(width, [=](int64_t i, int n) {
        // Lanes past the end hold 0 - mean and must not count.
        const vf d = n == kLanes ? get(row, i, n) - mean : select(lane_numbers() < n, get(row, i, n) - mean, vf{});
        return d * d;
      });
      const float scale = 1.0f / __builtin_sqrtf(squares / static_cast<float>(width) + eps);
      means[r] = mean;
      rstd[r] = scale;
      each(width, [=](int64_t i, int n) {
        vf v = (get(row, i, n) - mean) * scale;
        if (w) v *= get(w, i, n);
        if (b) v += get(b, i, n);
        put(y + r * width, i, v, n);
      });
    }
  });
  return Status::ok;
}

// args: 0 x, 1 weight or 0, 2 mean, 3 rstd, 4 gy, 5 gx, 6 gweight or 0, 7 gbias or 0, 8 rows, 9 width
Status layer_norm_grad(Args& args) {
  const float *x = args.ptr<float>(0), *w = args.ptr<float>(1), *means = args.ptr<float>(2), *rstd = args.ptr<float>(3), *gy = args.ptr<float>(4);
  float *gx = args.ptr<float>(5), *gw = args.ptr<float>(6), *gb = args.ptr<float>(7);
  const int64_t rows = args.size(8), width = args.size(9);
  const int64_t chunks = chunks_of(rows);
  const Scratch partial(static_cast<size_t>(2 * chunks * width) * 4);
  if (!partial) return fail(Status::out_of_memory, "[layerNorm] could not allocate the gradients' partial sums");
  float* sums = partial.as<float>();
  float* shifts = sums + chunks * width;
  parallel_for(chunks, 1, [=](int64_t begin, int64_t end, int) {
    for (int64_t c = begin; c < end; ++c) {
      float *sum = sums + c * width, *shift = shifts + c * width;
      std::memset(sum, 0, static_cast<size_t>(width) * 4);
      std::memset(shift, 0, static_cast<size_t>(width) * 4);
      for (int64_t r = c * kChunk; r < rows && r < (c + 1) * kChunk; ++r) {
        const float *row = x + r * width, *g = gy + r * width;
        const float mean = means[r], scale = rstd[r];
        const auto weighted = [=](int64_t i, int n) { const vf v = get(g, i, n); return w ? v * get(w, i, n) : v; };
        const auto unit = [=](int64_t i, int n) { return (get(row, i, n) - mean) * scale; };
        // weighted() is 0 past the end, so these sums need no mask.
        const float total = sum_row(width, weighted) / static_cast<float>(width);
        const float dot = sum_row(width, [=](int64_t i, int n) { return weighted(i, n) * unit(i, n); }) / static_cast<float>(width);
        each(width, [=](int64_t i, int n) {
          const vf u = unit(i, n), v = get(g, i, n);
          put(sum, i, fma(v, u, get(sum, i, n)), n);
          put(shift, i, v + get(shift, i, n), n);
          put(gx + r * width, i, (weighted(i, n) - total - u * dot) * scale, n);
        });
      }
    }
  });
  if (gw) add_chunks(sums, chunks, width, gw);
  if (gb) add_chunks(shifts, chunks, width, gb);
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(norms, {"rms_norm", rms_norm}, {"rms_norm_grad", rms_norm_grad}, {"layer_norm", layer_norm}, {"layer_norm_grad", layer_norm_grad})
