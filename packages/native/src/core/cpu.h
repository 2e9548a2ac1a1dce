// Which instruction families this processor and operating system can run.
#pragma once

namespace ts {

// In ascending order: the best one that the machine has is used for everything.
// `wide` exists in test builds only: the AVX-512 sources lowered to AVX2.
enum class Isa : int { baseline = 0, avx2 = 1, avx512 = 2, avx512bf16 = 3, amx = 4, neon = 5, wide = 6 };
constexpr int kIsaCount = 7;

const char* isa_name(Isa isa);
bool isa_supported(Isa isa);
Isa best_isa();

}  // namespace ts
