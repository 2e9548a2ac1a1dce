// isa: avx512bf16 amx
// Cross-entropy of logits, and of a projection, hidden weightᵀ + bias, whose logits are made a few rows at a time and are
// never whole in memory.
#include "core/memory.h"
#include "core/pool.h"
#include "gemm.h"
#include "kernels/loss_rows.h"

namespace ts::TS_ISA {
namespace {

// Floats of logits held at a time: rows of a chunk times the vocabulary, 128 MiB. Every chunk reads the whole weight, so
// that shorter ones cost more.
constexpr int64_t kChunkFloats = 32 << 20;

// Rows of a chunk: at least 64, and all of about one length.
int64_t chunk_rows(int64_t rows, int64_t classes) {
  int64_t most = kChunkFloats / (classes > 0 ? classes : 1);
  if (most < 64) most = 64;
  const int64_t chunks = (rows + most - 1) / most;
  return chunks == 0 ? 0 : (rows + chunks - 1) / chunks;
}

// The projection (classes, width), float32 or bfloat16.
struct Projection {
  const void* weight;
  DType dtype;
  const float* bias;
  int64_t classes, width;
  Compute compute;
};

Product logits_of(const float* hidden, const Projection& p, float* logits, int64_t rows) {
  return {rows, p.classes, p.width, dense(hidden, DType::float32, p.width, false), dense(p.weight, p.dtype, p.width, true), nullptr,
          logits, p.classes, DType::float32, p.bias, p.compute};
}

// Loss and log-sum-exp of a row of logits, which is overwritten.
TS_INLINE void write_loss(float* row, int64_t classes, int32_t target, const LossSettings& s, float* loss, float* lse_out) {
  transform_row(row, classes, s);
  const double lse = row_sum(row, classes).lse();
  *lse_out = static_cast<float>(lse);
  *loss = target == s.ignore ? 0.0f : static_cast<float>(row_loss(row, classes, target, s.smoothing, lse));
}

// args: 0 logits, 1 targets, 2 losses, 3 lse, 4 rows, 5 classes, 6… settings
Status cross_entropy(Args& args) {
  const float* logits = args.ptr<float>(0);
  const int32_t* targets = args.ptr<int32_t>(1);
  float *losses = args.ptr<float>(2), *lses = args.ptr<float>(3);
  const int64_t rows = args.size(4), classes = args.size(5);
  const LossSettings s = loss_settings(args, 6);
  if (const Status status = check_targets(targets, rows, classes, s.ignore); status != Status::ok) return status;
  const Scratch scratch(static_cast<size_t>(threads() * classes) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[crossEntropy] could not allocate rows of logits");
  parallel_for(rows, 1, [&](int64_t begin, int64_t end, int slot) {
    float* row = scratch.as<float>() + slot * classes;
    for (int64_t r = begin; r < end; ++r) {
      std::memcpy(row, logits + r * classes, static_cast<size_t>(classes) * 4);
      write_loss(row, classes, targets[r], s, losses + r, lses + r);
    }
  });
  return Status::ok;
}

// args: 0 logits, 1 targets, 2 gy, 3 glogits, 4 rows, 5 classes, 6… settings
Status cross_entropy_grad(Args& args) {
  const float* logits = args.ptr<float>(0);
  const int32_t* targets = args.ptr<int32_t>(1);
  const float* gy = args.ptr<float>(2);
  float* out = args.ptr<float>(3);
  const int64_t rows = args.size(4), classes = args.size(5);
  const LossSettings s = loss_settings(args, 6);
  if (const Status status = check_targets(targets, rows, classes, s.ignore); status != Status::ok) return status;
  parallel_for(rows, 1, [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      float* row = out + r * classes;
      std::memcpy(row, logits + r * classes, static_cast<size_t>(classes) * 4);
      row_loss_grad(row, classes, targets[r], gy[r], s);
    }
  });
  return Status::ok;
}

// args: 0 hidden, 1 weight, 2 bias or 0, 3 targets, 4 losses, 5 lse, 6 rows, 7 width, 8 classes, 9 compute, 10 dtype of weight,
// 11… settings
Status linear_cross_entropy(Args& args) {
  const float* hidden = args.ptr<float>(0);
  const int32_t* targets = args.ptr<int32_t>(3);
  float *losses = args.ptr<float>(4), *lses = args.ptr<float>(5);
  const int64_t rows = args.size(6), width = args.size(7), classes = args.size(8);
  const Projection projection{args.ptr<void>(1), args.dtype(10), args.ptr<float>(2), classes, width, static_cast<Compute>(args.integer(9))};
  const LossSettings s = loss_settings(args, 11);
  if (const Status status = check_targets(targets, rows, classes, s.ignore); status != Status::ok) return status;
  const int64_t chunk = chunk_rows(rows, classes);
  const Scratch scratch(static_cast<size_t>(chunk * classes) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[linearCrossEntropy] could not allocate %lld rows of logits", static_cast<long long>(chunk));
  float* logits = scratch.as<float>();
  for (int64_t from = 0; from < rows; from += chunk) {
    const int64_t count = rows - from < chunk ? rows - from : chunk;
    const Status status = multiply(logits_of(hidden + from * width, projection, logits, count));
    if (status != Status::ok) return status;
    parallel_for(count, 1, [=](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) {
        write_loss(logits + r * classes, classes, targets[from + r], s, losses + from + r, lses + from + r);
      }
    });
  }
  return Status::ok;
}

// The loss of each row and, from the same logits, its gradient with respect to the row of hidden: for a projection that is not
// trained. The projection is packed for the logits once for all chunks.
// args: 0 hidden, 1 weight, 2 bias or 0, 3 targets, 4 losses, 5 lse, 6 ghidden, 7 rows, 8 width, 9 classes, 10 compute,
// 11 dtype of weight, 12… settings
Status linear_cross_entropy_both(Args& args) {
  const float* hidden = args.ptr<float>(0);
  const int32_t* targets = args.ptr<int32_t>(3);
  float *losses = args.ptr<float>(4), *lses = args.ptr<float>(5), *ghidden = args.ptr<float>(6);
  const int64_t rows = args.size(7), width = args.size(8), classes = args.size(9);
  const Compute compute = static_cast<Compute>(args.integer(10));
  const Projection projection{args.ptr<void>(1), args.dtype(11), args.ptr<float>(2), classes, width, compute};
  const LossSettings s = loss_settings(args, 12);
  if (const Status status = check_targets(targets, rows, classes, s.ignore); status != Status::ok) return status;
  const int64_t chunk = chunk_rows(rows, classes);
  const bool packing = chunk < rows && width > 0 && classes > 0;
  const Scratch scratch(static_cast<size_t>((chunk + threads()) * classes) * 4);
  const Scratch packed(packing ? packed_b_bytes(classes, width, compute) : 0);
  if (!scratch || !packed) {
    return fail(Status::out_of_memory, "[linearCrossEntropy] could not allocate %lld rows of logits", static_cast<long long>(chunk));
  }
  if (packing) pack_b(dense(projection.weight, projection.dtype, width, true), classes, width, compute, packed.as<void>());
  float* logits = scratch.as<float>();
  for (int64_t from = 0; from < rows; from += chunk) {
    const int64_t count = rows - from < chunk ? rows - from : chunk;
    Product product = logits_of(hidden + from * width, projection, logits, count);
    product.packed_b = packing ? packed.as<void>() : nullptr;
    if (const Status status = multiply(product); status != Status::ok) return status;
    parallel_for(count, 1, [=](int64_t begin, int64_t end, int slot) {
      float* copy = logits + (chunk + slot) * classes;
      for (int64_t r = begin; r < end; ++r) {
        float* row = logits + r * classes;
        std::memcpy(copy, row, static_cast<size_t>(classes) * 4);
        write_loss(copy, classes, targets[from + r], s, losses + from + r, lses + from + r);
        row_loss_grad(row, classes, targets[from + r], 1.0f, s);
      }
    });
    // Not packed for all chunks: threads share a sum as long as the vocabulary only where its panels are made piece by piece.
    const Status status = multiply({count, width, classes, dense(logits, DType::float32, classes, false),
                                    dense(projection.weight, projection.dtype, width, false), nullptr, ghidden + from * width, width,
                                    DType::float32, nullptr, compute});
    if (status != Status::ok) return status;
  }
  return Status::ok;
}

// args: 0 hidden, 1 weight, 2 bias or 0, 3 targets, 4 gy, 5 ghidden or 0, 6 gweight or 0, 7 gbias or 0, 8 rows, 9 width, 10 classes,
// 11 compute, 12 dtype of weight, 13… settings
Status linear_cross_entropy_grad(Args& args) {
  const float* hidden = args.ptr<float>(0);
  const int32_t* targets = args.ptr<int32_t>(3);
  const float* gy = args.ptr<float>(4);
  float *ghidden = args.ptr<float>(5), *gweight = args.ptr<float>(6), *gbias = args.ptr<float>(7);
  const int64_t rows = args.size(8), width = args.size(9), classes = args.size(10);
  const Compute compute = static_cast<Compute>(args.integer(11));
  const Projection projection{args.ptr<void>(1), args.dtype(12), args.ptr<float>(2), classes, width, compute};
  const LossSettings s = loss_settings(args, 13);
  if (const Status status = check_targets(targets, rows, classes, s.ignore); status != Status::ok) return status;
  const int64_t chunk = chunk_rows(rows, classes);
  const Scratch scratch(static_cast<size_t>(chunk * classes) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[linearCrossEntropy] could not allocate %lld rows of logits", static_cast<long long>(chunk));
  float* logits = scratch.as<float>();
  if (gbias) std::memset(gbias, 0, static_cast<size_t>(classes) * 4);
  if (gweight && rows == 0) std::memset(gweight, 0, static_cast<size_t>(classes * width) * 4);
  for (int64_t from = 0; from < rows; from += chunk) {
    const int64_t count = rows - from < chunk ? rows - from : chunk;
    Status status = multiply(logits_of(hidden + from * width, projection, logits, count));
    if (status != Status::ok) return status;
    parallel_for(count, 1, [=](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) {
        row_loss_grad(logits + r * classes, classes, targets[from + r], gy[from + r], s);
      }
    });
    if (ghidden) {
      status = multiply({count, width, classes, {logits, DType::float32, classes, 1}, dense(projection.weight, projection.dtype, width, false), nullptr,
                         ghidden + from * width, width, DType::float32, nullptr, compute});
      if (status != Status::ok) return status;
    }
    if (gweight) {
      status = multiply({classes, width, count, {logits, DType::float32, 1, classes}, {hidden + from * width, DType::float32, width, 1}, nullptr,
                         gweight, width, DType::float32, nullptr, compute, from > 0});
      if (status != Status::ok) return status;
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

TS_KERNELS(cross_entropy, {"cross_entropy", cross_entropy}, {"cross_entropy_grad", cross_entropy_grad},
           {"linear_cross_entropy", linear_cross_entropy},
           {"linear_cross_entropy_both", linear_cross_entropy_both}, {"linear_cross_entropy_grad", linear_cross_entropy_grad})
