// One row of logits: its log-sum-exp, its cross-entropy and the gradient of that. Softmax, the losses of given logits and
// the losses of a projection all use these, so that a log-probability is the same bits wherever it is asked for.
#pragma once

#include <cmath>

#include "core/kernel.h"
#include "vector_math.h"
#include "rows.h"

namespace ts::TS_ISA {

// logit' = softcap(scale * logit) / temperature
struct LossSettings {
  int32_t ignore;
  float smoothing, scale, softcap, temperature;  // softcap 0: off
  bool plain() const { return scale == 1.0f && softcap == 0.0f && temperature == 1.0f; }
};

// In five places of the record: ignored target, smoothing, scale, softcap or 0, temperature.
inline LossSettings loss_settings(const Args& args, int at) {
  return {args.integer(at), args.number(at + 1), args.number(at + 2), args.number(at + 3), args.number(at + 4)};
}

inline Status check_targets(const int32_t* targets, int64_t rows, int64_t classes, int32_t ignore) {
  for (int64_t r = 0; r < rows; ++r) {
    if (targets[r] != ignore && (targets[r] < 0 || targets[r] >= classes)) {
      return fail(Status::index_out_of_range, "[crossEntropy] expected targets from 0 to %lld, got %d",
                  static_cast<long long>(classes - 1), targets[r]);
    }
  }
  return Status::ok;
}

inline void transform_row(float* row, int64_t n, const LossSettings& s) {
  if (s.plain()) return;
  each(n, [=](int64_t i, int k) {
    vf x = get(row, i, k) * s.scale;
    if (s.softcap != 0.0f) x = tanh(x / s.softcap) * s.softcap;
    put(row, i, x / s.temperature, k);
  });
}

struct RowSum {
  float largest;
  double sum;  // Σ e^(x - largest); 0 for a row of -infinity
  // The log of a logit's share is above(x) - log(sum). Not x - lse(), where huge logits leave nothing of log(sum): the lowest
  // finite ones too, which masks write, have shares.
  double above(float x) const { return static_cast<double>(x) - largest; }
  double lse() const { return sum == 0 ? -static_cast<double>(__builtin_inff()) : largest + std::log(sum); }
};

// NaN if there is one in the row, which the largest of its values passes over; else 0.
inline float nan_or_zero(const float* x, int64_t n) {
  vf odd{};
  each(n, [&](int64_t i, int k) { const vf v = get(x, i, k); odd += select(v != v, v, vf{}); });
  return sum_lanes(odd);
}

// The row in vectors; partial sums of stretches of fixed length are added in double.
inline RowSum row_sum(const float* x, int64_t n) {
  const vf minus = splat(-__builtin_inff());
  vf most = minus;
  each(n, [&](int64_t i, int k) { most = max(k == kLanes ? load(x + i) : select(lane_numbers() < k, load_n(x + i, k), minus), most); });
  const float largest = max_lanes(most);
  if (largest == -__builtin_inff()) return {largest, nan_or_zero(x, n)};
  constexpr int64_t kStretch = 1024;
  double total = 0;
  for (int64_t from = 0; from < n; from += kStretch) {
    vf sum{};
    each(n - from < kStretch ? n - from : kStretch, [&](int64_t i, int k) {
      const vf e = exp(get(x + from, i, k) - largest);
      sum += k == kLanes ? e : select(lane_numbers() < k, e, vf{});
    });
    total += sum_lanes(sum);
  }
  return {largest, total};
}

// The loss of a transformed row.
inline double row_loss(const float* row, int64_t n, int32_t target, float smoothing, const RowSum& sum) {
  const double log_sum = std::log(sum.sum);
  double loss = (1 - static_cast<double>(smoothing)) * (log_sum - sum.above(row[target]));
  if (smoothing != 0) {
    double total = 0;
    for (int64_t i = 0; i < n; ++i) total += log_sum - sum.above(row[i]);
    loss += smoothing * total / static_cast<double>(n);
  }
  return loss;
}

// What becomes of a row of logits: nothing that anyone reads, its gradient in float32, or that rounded to bfloat16 in the first
// half of the row.
enum class RowGrad { none, float32, bfloat16 };

// The transformed row, whose sum this is, becomes g times the gradient of its loss with respect to the logits.
inline void row_loss_grad(float* row, int64_t n, int32_t target, float g, const LossSettings& s, const RowSum& sum, RowGrad kept) {
  const float share = static_cast<float>(1.0 / sum.sum), even = s.smoothing / static_cast<float>(n);
  const float factor = s.scale / s.temperature;
  const auto slope = [=](vf y) {
    if (s.softcap == 0.0f) return splat(factor);
    const vf t = y * s.temperature / s.softcap;
    return factor * (1.0f - t * t);
  };
  const auto grad = [=](vf y) { return g * (exp(y - sum.largest) * share - even) * slope(y); };
  const vf logit = splat(row[target]);
  const float at = grad(logit)[0] - g * (1.0f - s.smoothing) * slope(logit)[0];
  if (kept == RowGrad::float32) {
    each(n, [=](int64_t i, int k) { put(row, i, grad(get(row, i, k)), k); });
    row[target] = at;
    return;
  }
  // What is written lies before what is still to be read.
  uint16_t* const halves = reinterpret_cast<uint16_t*>(row);
  each(n, [=](int64_t i, int k) {
    const vh x = to_bf16(grad(get(row, i, k)));
    if (k == kLanes) store_words(halves + i, x);
    else store_words_n(halves + i, x, k);
  });
  const uint16_t rounded = to_bf16(at);
  std::memcpy(halves + target, &rounded, sizeof rounded);
}

// Where a row's loss and log-sum-exp go; nullptr: they are not wanted.
struct LossTarget {
  float *loss, *lse;
};

// Loss of a row of logits, which is overwritten: by g times its gradient if that is kept.
inline void row_pass(float* row, int64_t n, int32_t target, const LossSettings& s, const LossTarget& out, RowGrad kept, float g) {
  const bool ignored = target == s.ignore, flat = kept != RowGrad::none && (ignored || g == 0.0f);
  if (flat && out.loss == nullptr) {
    std::memset(row, 0, static_cast<size_t>(n) * 4);
    return;
  }
  transform_row(row, n, s);
  // The log-sum-exp that losses leave is rounded to float32, too coarse for gradients at large logits: these take the sum.
  const RowSum sum = row_sum(row, n);
  if (out.loss != nullptr) {
    *out.lse = static_cast<float>(sum.lse());
    *out.loss = ignored ? 0.0f : static_cast<float>(row_loss(row, n, target, s.smoothing, sum));
  }
  if (flat) std::memset(row, 0, static_cast<size_t>(n) * 4);
  else if (kept != RowGrad::none) row_loss_grad(row, n, target, g, s, sum, kept);
}

}  // namespace ts::TS_ISA
