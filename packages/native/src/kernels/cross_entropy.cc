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
      row_pass(row, classes, targets[r], s, {losses + r, lses + r}, RowGrad::none, 0);
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
      row_pass(row, classes, targets[r], s, {}, RowGrad::float32, gy[r]);
    }
  });
  return Status::ok;
}

// What a walk over the rows of hidden (rows, width) makes; nullptr: not wanted.
struct Wanted {
  float *losses, *lses;
  const float* gy;  // of each loss; nullptr: 1
  float *ghidden, *gweight, *gbias;
  // Products in bfloat16 round the logits' gradient, so that it is kept so: half of what they read. A bias's sums take it whole.
  RowGrad of_logits(Compute compute) const {
    if (gbias != nullptr) return RowGrad::float32;
    if (ghidden == nullptr && gweight == nullptr) return RowGrad::none;
    return compute == Compute::bfloat16 ? RowGrad::bfloat16 : RowGrad::float32;
  }
};

// Losses of the rows, their gradients or both from the same logits, which exist for a chunk of rows at a time.
Status walk(const float* hidden, const Projection& p, const int32_t* targets, int64_t rows, const LossSettings& s, const Wanted& out) {
  const int64_t width = p.width, classes = p.classes;
  if ((out.losses == nullptr) != (out.lses == nullptr)) return fail(Status::value, "[linearCrossEntropy] expected losses and lse, or neither");
  if (const Status status = check_targets(targets, rows, classes, s.ignore); status != Status::ok) return status;
  if (out.gbias) std::memset(out.gbias, 0, static_cast<size_t>(classes) * 4);
  if (out.gweight && rows == 0) std::memset(out.gweight, 0, static_cast<size_t>(classes * width) * 4);
  const int64_t chunk = chunk_rows(rows, classes);
  // A frozen projection is packed once for all chunks; beside the gradient of one that is trained, that is too much memory.
  const bool packing = out.ghidden != nullptr && out.gweight == nullptr && chunk < rows && width > 0 && classes > 0;
  const Scratch scratch(static_cast<size_t>(chunk * classes) * 4);
  const Scratch packed(packing ? packed_b_bytes(classes, width, p.compute) : 0);
  if (!scratch || !packed) {
    return fail(Status::out_of_memory, "[linearCrossEntropy] could not allocate %lld rows of logits", static_cast<long long>(chunk));
  }
  const Matrix columns = dense(p.weight, p.dtype, width, true), across = dense(p.weight, p.dtype, width, false);
  if (packing) pack_b(columns, classes, width, p.compute, packed.as<void>());
  float* logits = scratch.as<float>();
  const RowGrad kept = out.of_logits(p.compute);
  const bool halves = kept == RowGrad::bfloat16;
  const DType grad_type = halves ? DType::bfloat16 : DType::float32;
  const int64_t grad_stride = halves ? 2 * classes : classes;
  for (int64_t from = 0; from < rows; from += chunk) {
    const int64_t count = rows - from < chunk ? rows - from : chunk;
    const float* own = hidden + from * width;
    Product product{count, classes, width, dense(own, DType::float32, width, false), columns, packing ? packed.as<void>() : nullptr,
                    logits, classes, DType::float32, p.bias, p.compute};
    if (const Status status = multiply(product); status != Status::ok) return status;
    parallel_for(count, 1, [&](int64_t begin, int64_t end, int) {
      for (int64_t r = begin; r < end; ++r) {
        const LossTarget to = out.losses == nullptr ? LossTarget{} : LossTarget{out.losses + from + r, out.lses + from + r};
        row_pass(logits + r * classes, classes, targets[from + r], s, to, kept, out.gy == nullptr ? 1.0f : out.gy[from + r]);
      }
    });
    if (out.ghidden) {
      // Not from a packed projection: threads share a sum as long as the vocabulary only where its panels are made piece by piece.
      product = {count, width, classes, {logits, grad_type, grad_stride, 1}, across, nullptr, out.ghidden + from * width, width,
                 DType::float32, nullptr, apart(p.compute)};
      if (const Status status = multiply(product); status != Status::ok) return status;
    }
    if (out.gweight) {
      product = {classes, width, count, {logits, grad_type, 1, grad_stride}, dense(own, DType::float32, width, false), nullptr, out.gweight, width,
                 DType::float32, nullptr, apart(p.compute), from > 0};
      if (const Status status = multiply(product); status != Status::ok) return status;
    }
    if (out.gbias) {
      parallel_for(classes, 256, [&](int64_t begin, int64_t end, int) {
        for (int64_t r = 0; r < count; ++r)
          for (int64_t i = begin; i < end; ++i) out.gbias[i] += logits[r * classes + i];
      });
    }
  }
  return Status::ok;
}

// args: 0 hidden, 1 weight, 2 bias or 0, 3 targets, then any of these or 0: 4 losses, 5 lse (both or none), 6 gy (else all 1),
// 7 ghidden, 8 gweight, 9 gbias; 10 rows, 11 width, 12 classes, 13 compute, 14 dtype of weight, 15… settings
Status linear_cross_entropy(Args& args) {
  const Projection projection{args.ptr<void>(1), args.dtype(14), args.ptr<float>(2), args.size(12), args.size(11), static_cast<Compute>(args.integer(13))};
  const Wanted wanted{args.ptr<float>(4), args.ptr<float>(5), args.ptr<float>(6), args.ptr<float>(7), args.ptr<float>(8), args.ptr<float>(9)};
  return walk(args.ptr<float>(0), projection, args.ptr<int32_t>(3), args.size(10), loss_settings(args, 15), wanted);
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(cross_entropy, {"cross_entropy", cross_entropy}, {"cross_entropy_grad", cross_entropy_grad},
           {"linear_cross_entropy", linear_cross_entropy})
