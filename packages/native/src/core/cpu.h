// Which instruction families this processor and operating system can run.
#pragma once

namespace ts {

// In ascending order: the best one that the machine has is used for everything.
// `wide` exists in test builds only: the AVX-512 sources lowered to AVX2.
enum class Isa : int { baseline = 0, avx2 = 1, avx512 = 2, avx512vnni = 3, avx512bf16 = 4, amx = 5, neon = 6, wide = 7 };
constexpr int kIsaCount = 8;

const char* isa_name(Isa isa);
bool isa_supported(Isa isa);
Isa best_isa();

}  // namespace ts
