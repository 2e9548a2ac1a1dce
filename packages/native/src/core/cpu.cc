#include "core/cpu.h"

#include <cstdint>
#include <initializer_list>

#if defined(__x86_64__) || defined(_M_X64)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

namespace ts {
namespace {

#if defined(__x86_64__) || defined(_M_X64)
struct Leaf {
  uint32_t a = 0, b = 0, c = 0, d = 0;
};

Leaf cpuid(uint32_t leaf, uint32_t sub) {
  Leaf out;
  if (!__get_cpuid_count(leaf, sub, &out.a, &out.b, &out.c, &out.d)) return {};
  return out;
}

// XCR0: the register states that the operating system saves. Without them the instructions fault even where cpuid has them.
uint64_t saved_states() {
  uint32_t low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<uint64_t>(high) << 32) | low;
}

// Linux gives the tile registers (8 KB of state per thread) only to processes that ask for them.
bool tiles_granted() {
#if defined(__linux__)
  constexpr long request_permission = 0x1023, tile_data = 18;  // ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA
  return syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
#else
  return false;
#endif
}

struct Features {
  bool avx2 = false, avx512 = false, avx512vnni = false, avx512bf16 = false, amx = false;
};

Features detect() {
  Features f;
  const auto bit = [](uint32_t word, int index) { return ((word >> index) & 1u) != 0; };
  const Leaf one = cpuid(1, 0);
  if (!bit(one.c, 27)) return f;  // OSXSAVE: xgetbv may be used
  const uint64_t states = saved_states();
  const bool ymm = (states & 0x6) == 0x6;
  const bool zmm = (states & 0xe6) == 0xe6;
  const Leaf seven = cpuid(7, 0);
  const Leaf seven_one = seven.a >= 1 ? cpuid(7, 1) : Leaf{};
  const bool avx = bit(one.c, 28), fma = bit(one.c, 12), f16c = bit(one.c, 29);
  f.avx2 = ymm && avx && fma && f16c && bit(seven.b, 5) && bit(seven.b, 8);  // AVX2, BMI2
  f.avx512 = f.avx2 && zmm && bit(seven.b, 16) && bit(seven.b, 17) && bit(seven.b, 30) && bit(seven.b, 31);  // F DQ BW VL
  f.avx512vnni = f.avx512 && bit(seven.c, 11);
  f.avx512bf16 = f.avx512vnni && bit(seven_one.a, 5);
  const bool tiles = (states & 0x60000) == 0x60000;
  f.amx = f.avx512bf16 && tiles && bit(seven.d, 22) && bit(seven.d, 24) && bit(seven.d, 25) && tiles_granted();  // BF16, TILE, INT8
  return f;
}

const Features& features() {
  static const Features found = detect();
  return found;
}
#endif

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::baseline: return "baseline";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    case Isa::avx512vnni: return "avx512vnni";
    case Isa::avx512bf16: return "avx512bf16";
    case Isa::amx: return "amx";
    case Isa::neon: return "neon";
    case Isa::wide: return "wide";
  }
  return "unknown";
}

bool isa_supported(Isa isa) {
#if defined(__x86_64__) || defined(_M_X64)
  switch (isa) {
    case Isa::baseline: return true;
    case Isa::avx2: return features().avx2;
    case Isa::avx512: return features().avx512;
    case Isa::avx512vnni: return features().avx512vnni;
    case Isa::avx512bf16: return features().avx512bf16;
    case Isa::amx: return features().amx;
    case Isa::neon: return false;
    case Isa::wide: return features().avx2;
  }
  return false;
#elif defined(__aarch64__)
  return isa == Isa::baseline || isa == Isa::neon;  // NEON is part of every arm64 processor
#else
  return isa == Isa::baseline;
#endif
}

Isa best_isa() {
#if defined(__aarch64__)
  return Isa::neon;
#else
  for (Isa isa : {Isa::amx, Isa::avx512bf16, Isa::avx512vnni, Isa::avx512, Isa::avx2}) {
    if (isa_supported(isa)) return isa;
  }
  return Isa::baseline;
#endif
}

}  // namespace ts
