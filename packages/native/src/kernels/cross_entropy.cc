// Cross-entropy of a projection, hidden weightᵀ + bias, made a few rows at a time: the logits are never whole in memory.
#include "core/kernel.h"
#include "core/memory.h"
#include "core/pool.h"
#include "gemm.h"
#include "math.h"

#include <cmath>

namespace ts::TS_ISA {
namespace {

// Floats of logits held at a time: rows of a chunk times the vocabulary, 32 MiB.
constexpr int64_t kChunkFloats = 8 << 20;
int64_t chunk_rows(int64_t rows, int64_t classes) {
  const int64_t most = kChunkFloats / (classes > 0 ? classes : 1);
  const int64_t chunk = most < 64 ? 64 : most;
  return chunk < rows ? chunk : rows;
}

struct Settings {
  int32_t ignore;
  float smoothing, scale, softcap, temperature;  // softcap 0: off
  bool plain() const { return scale == 1.0f && softcap == 0.0f && temperature == 1.0f; }
};

TS_INLINE vf get(const float* p, int64_t i, int n) { return n == kLanes ? load(p + i) : load_n(p + i, n); }
TS_INLINE void put(float* p, int64_t i, vf x, int n) {
  if (n == kLanes) store(p + i, x);
  else store_n(p + i, x, n);
}
template <class F>
TS_INLINE void each(int64_t n, const F& body) {
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) body(i, kLanes);
  if (i < n) body(i, static_cast<int>(n - i));
}

TS_INLINE vf transform(vf x, const Settings& s) {
  x *= s.scale;
  if (s.softcap != 0.0f) x = tanh(x / s.softcap) * s.softcap;
  return x / s.temperature;
}

struct RowSum {
  float largest;
  double sum;  // Σ e^(x - largest)
};

// Walks the row in vectors, partial sums in chunks of fixed length added in double.
RowSum row_sum(const float* x, int64_t n) {
  vf most = splat(-__builtin_inff());
  each(n, [&](int64_t i, int k) { most = max(k == kLanes ? load(x + i) : select(lane_numbers() < k, load_n(x + i, k), most), most); });
  const float largest = max_lanes(most);
  if (largest == -__builtin_inff()) return {largest, 0};
  constexpr int64_t kStretch = 1024;
  double total = 0;
  for (int64_t from = 0; from < n; from += kStretch) {
    const int64_t length = n - from < kStretch ? n - from : kStretch;
    vf sum{};
    each(length, [&](int64_t i, int k) {
      const vf e = exp(get(x + from, i, k) - largest);
      sum += k == kLanes ? e : select(lane_numbers() < k, e, vf{});
    });
    total += sum_lanes(sum);
  }
  return {largest, total};
}

Product logits_of(const float* hidden, const float* weight, const float* bias, float* logits, int64_t rows, int64_t classes, int64_t width, Compute compute) {
  return {rows, classes, width, {hidden, DType::float32, width, 1}, {weight, DType::float32, 1, width}, nullptr, logits, classes, DType::float32, bias, compute};
}

Status check_targets(const int32_t* targets, int64_t rows, int64_t classes, int32_t ignore) {
  for (int64_t r = 0; r < rows; ++r) {
    if (targets[r] != ignore && (targets[r] < 0 || targets[r] >= classes))
      return fail(Status::index_out_of_range, "[linearCrossEntropy] expected targets from 0 to %lld, got %d", static_cast<long long>(classes - 1), targets[r]);
  }
  return Status::ok;
}

Settings settings_of(const Args& args, int at) {
  return {args.integer(at), args.number(at + 1), args.number(at + 2), args.number(at + 3), args.number(at + 4)};
}

// args: 0 hidden, 1 weight, 2 bias or 0, 3 targets, 4 losses, 5 lse, 6 rows, 7 width, 8 classes, 9 compute, 10… settings
Status linear_cross_entropy(Args& args) {
  const float *hidden = args.ptr<float>(0), *weight = args.ptr<float>(1), *bias = args.ptr<float>(2);
  const int32_t* targets = args.ptr<int32_t>(3);
  float *losses = args.ptr<float>(4), *lses = args.ptr<float>(5);
  const int64_t rows = args.size(6), width = args.size(7), classes = args.size(8);
  const Compute compute = static_cast<Compute>(args.integer(9));
  const Settings s = settings_of(args, 10);
  if (const Status status = check_targets(targets, rows, classes, s.ignore); status != Status::ok) return status;
  const int64_t chunk = chunk_rows(rows, classes);
  const Scratch scratch(static_cast<size_t>(chunk * classes) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[linearCrossEntropy] could not allocate %lld rows of logits", static_cast<long long>(chunk));
  float* logits = scratch.as<float>();
  for (int64_t from = 0; from < rows; from += chunk) {
    const int64_t count = rows - from < chunk ? rows - from : chunk;
    const Status status = multiply(logits_of(hidden + from * width, weight, bias, logits, count, classes, width, compute));
    if (status != Status::ok) return status;
    parallel_for(count, 1, [=](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) {
        float* row = logits + r * classes;
        if (!s.plain()) each(classes, [=](int64_t i, int n) { put(row, i, transform(get(row, i, n), s), n); });
        const RowSum sum = row_sum(row, classes);
        const double lse = sum.largest + std::log(sum.sum);
        lses[from + r] = static_cast<float>(lse);
        const int32_t target = targets[from + r];
        if (target == s.ignore) {
          losses[from + r] = 0;
          continue;
        }
        double loss = (1 - static_cast<double>(s.smoothing)) * (lse - row[target]);
        if (s.smoothing != 0) {
          double total = 0;
          for (int64_t i = 0; i < classes; ++i) total += lse - row[i];
          loss += s.smoothing * total / static_cast<double>(classes);
        }
        losses[from + r] = static_cast<float>(loss);
      }
    });
  }
  return Status::ok;
}

// args: 0 hidden, 1 weight, 2 bias or 0, 3 targets, 4 gy, 5 ghidden or 0, 6 gweight or 0, 7 gbias or 0, 8 rows, 9 width, 10 classes,
// 11 compute, 12… settings
Status linear_cross_entropy_grad(Args& args) {
  const float *hidden = args.ptr<float>(0), *weight = args.ptr<float>(1), *bias = args.ptr<float>(2);
  const int32_t* targets = args.ptr<int32_t>(3);
  const float* gy = args.ptr<float>(4);
  float *ghidden = args.ptr<float>(5), *gweight = args.ptr<float>(6), *gbias = args.ptr<float>(7);
  const int64_t rows = args.size(8), width = args.size(9), classes = args.size(10);
  const Compute compute = static_cast<Compute>(args.integer(11));
  const Settings s = settings_of(args, 12);
  if (const Status status = check_targets(targets, rows, classes, s.ignore); status != Status::ok) return status;
  const int64_t chunk = chunk_rows(rows, classes);
  const bool several = chunk < rows;
  const Scratch scratch(static_cast<size_t>(chunk * classes + (gweight && several ? classes * width : 0)) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[linearCrossEntropy] could not allocate %lld rows of logits", static_cast<long long>(chunk));
  float* logits = scratch.as<float>();
  float* part = logits + chunk * classes;
  if (gbias) std::memset(gbias, 0, static_cast<size_t>(classes) * 4);
  if (gweight && rows == 0) std::memset(gweight, 0, static_cast<size_t>(classes * width) * 4);
  for (int64_t from = 0; from < rows; from += chunk) {
    const int64_t count = rows - from < chunk ? rows - from : chunk;
    Status status = multiply(logits_of(hidden + from * width, weight, bias, logits, count, classes, width, compute));
    if (status != Status::ok) return status;
    parallel_for(count, 1, [=](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) {
        float* row = logits + r * classes;
        const int32_t target = targets[from + r];
        const float g = gy[from + r];
        if (target == s.ignore || g == 0.0f) {
          std::memset(row, 0, static_cast<size_t>(classes) * 4);
          continue;
        }
        if (!s.plain()) each(classes, [=](int64_t i, int n) { put(row, i, transform(get(row, i, n), s), n); });
        // The stored log-sum-exp is rounded to float32, too coarse for large logits; the sum is made again.
        const RowSum sum = row_sum(row, classes);
        const float share = static_cast<float>(1.0 / sum.sum), even = s.smoothing / static_cast<float>(classes);
        const float factor = s.scale / s.temperature;
        const auto slope = [=](vf y) {
          if (s.softcap == 0.0f) return splat(factor);
          const vf t = y * s.temperature / s.softcap;
          return factor * (1.0f - t * t);
        };
        const float at = row[target];
        each(classes, [=](int64_t i, int n) {
          const vf y = get(row, i, n);
          put(row, i, g * (exp(y - sum.largest) * share - even) * slope(y), n);
        });
        row[target] -= g * (1.0f - s.smoothing) * slope(splat(at))[0];
      }
    });
    if (ghidden) {
      status = multiply({count, width, classes, {logits, DType::float32, classes, 1}, {weight, DType::float32, width, 1}, nullptr,
                         ghidden + from * width, width, DType::float32, nullptr, compute});
      if (status != Status::ok) return status;
    }
    if (gweight) {
      float* to = from == 0 ? gweight : part;
      status = multiply({classes, width, count, {logits, DType::float32, 1, classes}, {hidden + from * width, DType::float32, width, 1}, nullptr,
                         to, width, DType::float32, nullptr, compute});
      if (status != Status::ok) return status;
      if (from > 0) {
        parallel_for(classes, 16, [=](int64_t begin, int64_t end, int) {
          for (int64_t i = begin * width; i < end * width; ++i) gweight[i] += part[i];
        });
      }
    }
    if (gbias) {
      parallel_for(classes, 256, [=](int64_t begin, int64_t end, int) {
        for (int64_t r = 0; r < count; ++r)
          for (int64_t i = begin; i < end; ++i) gbias[i] += logits[r * classes + i];
      });
    }
  }
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(cross_entropy, {"linear_cross_entropy", linear_cross_entropy}, {"linear_cross_entropy_grad", linear_cross_entropy_grad})
