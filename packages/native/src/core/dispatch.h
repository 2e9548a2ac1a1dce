// The kernels of the best instruction family that this machine runs, by number.
#pragma once

#include "core/cpu.h"
#include "core/kernel.h"

namespace ts {

// A family of kernels that has no build for an extension of AVX-512 comes from what it extends.
int kernel_count(Isa isa);
const KernelEntry& kernel(Isa isa, int id);
// -1 where there is none.
int find_kernel(Isa isa, const char* name);

Status run_kernel(int id, Args& args);

// A plan: calls one after another, each a kernel's number, how many arguments it has, and these.
// In the place of a kernel: the packed forms of the block at its one argument are stale.
constexpr int kStale = -1;
// Runs the calls in `words` doubles. Each gets its arguments in `record`, as from JavaScript. Stops at the first that fails.
Status run_plan(const double* plan, int64_t words, double* record);

}  // namespace ts
