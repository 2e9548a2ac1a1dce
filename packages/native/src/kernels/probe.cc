// isa: avx512bf16 amx
// Kernels that only tests, the loader and benchmarks use: what the machine can do at most.
#include "core/kernel.h"
#include "core/pool.h"
#include "kernels/gemm_layout.h"
#include "simd.h"

namespace ts::TS_ISA {
namespace {
// args: 0 out int32[n], 1 n. Writes i at place i, over all threads.
Status count_up(Args& args) {
  int32_t* out = args.ptr<int32_t>(0);
  if (out == nullptr) return Status::ok;
  parallel_for(args.size(1), 16, [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) out[i] = static_cast<int32_t>(i);
  });
  return Status::ok;
}

// Independent sums: the latency of a multiply-add times its throughput, with room.
constexpr int kChains = 12;

// Turns that a thread takes: threads that the system holds up leave theirs to the others.
constexpr int kTurns = 16;

template <class Step>
double run_chains(int64_t steps, Args& args, int per_step, const Step& step) {
  float* out = args.ptr<float>(0);
  const int64_t turns = static_cast<int64_t>(threads()) * kTurns;
  parallel_for(turns, 1, [&](int64_t begin, int64_t end, int slot) {
    for (int64_t turn = begin; turn < end; ++turn) {
      vf acc[kChains];
      for (int c = 0; c < kChains; ++c) acc[c] = splat(static_cast<float>(c));
      for (int64_t i = 0; i < steps; ++i) {
#pragma GCC unroll 16
        for (int c = 0; c < kChains; ++c) acc[c] = step(acc[c]);
      }
      vf total{};
      for (int c = 0; c < kChains; ++c) total += acc[c];
      if (out == nullptr) continue;
      for (int lane = 0; lane < kLanes; ++lane) out[slot * 16 + lane % 16] = total[lane];
    }
  });
  return 2.0 * per_step * kLanes * kChains * static_cast<double>(steps) * static_cast<double>(turns);
}

// Multiply-adds in registers, on every thread at once.
// args: 0 out float32[16 threads], 1 steps of a turn, 2 compute; gives the floating-point operations done in 3.
Status peak_flops(Args& args) {
  const int64_t steps = args.size(1);
#if defined(TS_TILES)
  if (args.integer(2) != 0) {
    const int64_t turns = static_cast<int64_t>(threads()) * kTurns;
    parallel_for(turns, 1, [&](int64_t begin, int64_t end, int) {
      const Tiles<> tiles;
      for (int64_t turn = begin; turn < end; ++turn) tiles_peak(steps);
    });
    args.set(3, 4.0 * 2 * kTileRows * 16 * 2 * kTileWords * static_cast<double>(steps) * static_cast<double>(turns));
    return Status::ok;
  }
#elif defined(TS_DOT_BF16)
  if (args.integer(2) != 0) {
    const vu half = splat_u(0x3f003f00u);  // 0.5 twice
    args.set(3, run_chains(steps, args, 2, [=](vf acc) { return dot_bf16(acc, half, half); }));
    return Status::ok;
  }
#endif
  const vf factor = splat(0.5f), term = splat(1.0f);
  args.set(3, run_chains(steps, args, 1, [=](vf acc) { return fma(acc, factor, term); }));
  return Status::ok;
}

// Reads memory from end to end, on every thread at once.
// args: 0 x float32[n], 1 n, 2 out float32[16 threads].
Status read_memory(Args& args) {
  const float* x = args.ptr<const float>(0);
  float* out = args.ptr<float>(2);
  if (x == nullptr || out == nullptr) return Status::ok;
  // A stretch of 1 MB per turn keeps the threads on separate pages.
  parallel_for(args.size(1), int64_t{1} << 18, [=](int64_t begin, int64_t end, int slot) {
    constexpr int kStreams = 8;
    vf acc[kStreams] = {};
    int64_t i = begin;
    for (; i + kStreams * kLanes <= end; i += kStreams * kLanes) {
#pragma GCC unroll 8
      for (int s = 0; s < kStreams; ++s) acc[s] += load(x + i + s * kLanes);
    }
    vf total{};
    for (int s = 0; s < kStreams; ++s) total += acc[s];
    for (int lane = 0; lane < kLanes; ++lane) out[slot * 16 + lane % 16] = total[lane];
  });
  return Status::ok;
}
}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(probe, {"count_up", count_up}, {"peak_flops", peak_flops}, {"read_memory", read_memory})
