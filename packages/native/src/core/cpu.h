// Which instruction families this processor and operating system can run.
#pragma once

namespace ts {

// In ascending order: the best one that the machine has is used for everything.
enum class Isa : int { baseline = 0, avx2 = 1, avx512 = 2, avx512bf16 = 3, neon = 4 };
constexpr int kIsaCount = 5;

const char* isa_name(Isa isa);
bool isa_supported(Isa isa);
Isa best_isa();

}  // namespace ts
