// Kernels that only tests and the loader use.
#include "core/kernel.h"
#include "core/pool.h"

namespace ts::TS_ISA {
namespace {
// args: 0 out int32[n], 1 n. Writes i at place i, over all threads.
Status count_up(Args& args) {
  int32_t* out = args.ptr<int32_t>(0);
  parallel_for(args.size(1), 16, [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) out[i] = static_cast<int32_t>(i);
  });
  return Status::ok;
}
}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(probe, {"count_up", count_up})
