// The kernels of the best instruction family that this machine runs, by number.
#pragma once

#include "core/cpu.h"
#include "core/kernel.h"

namespace ts {

// A family of kernels that has no build for AVX-512 BF16 comes from AVX-512.
int kernel_count(Isa isa);
const KernelEntry& kernel(Isa isa, int id);
// -1 where there is none.
int find_kernel(Isa isa, const char* name);

Status run_kernel(int id, Args& args);

}  // namespace ts
