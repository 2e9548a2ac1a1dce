// Vectors of the width of the instruction family that a file is being compiled for: one source for every width. They are
// GCC/Clang vector extensions, so + - * / comparisons, & | << and `mask ? a : b` work lane by lane; what the language
// lacks (fused multiply-add, partial loads, conversions) is here.
//
// Everything is in the family's own namespace ts::TS_ISA, so that no two objects share an inline function that was
// compiled for different processors.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

// Bytes per vector. TS_ISA_wide is a test build: 64-byte vectors lowered to AVX2, to run the AVX-512 sources' logic on
// machines without AVX-512.
#if defined(TS_ISA_avx512) || defined(TS_ISA_avx512vnni) || defined(TS_ISA_avx512bf16) || defined(TS_ISA_amx) || defined(TS_ISA_wide)
#define TS_VBYTES 64
#elif defined(TS_ISA_avx2)
#define TS_VBYTES 32
#else
#define TS_VBYTES 16
#endif

#define TS_INLINE inline __attribute__((always_inline))

namespace ts::TS_ISA {

constexpr int kLanes = TS_VBYTES / 4;  // float32 lanes

using vf = float __attribute__((vector_size(TS_VBYTES)));       // float32 x kLanes
using vi = int32_t __attribute__((vector_size(TS_VBYTES)));     // int32 x kLanes; masks are 0 or -1
using vu = uint32_t __attribute__((vector_size(TS_VBYTES)));    // uint32 x kLanes
using vh = uint16_t __attribute__((vector_size(TS_VBYTES / 2)));  // 16-bit words x kLanes

TS_INLINE vf splat(float x) { return x - vf{}; }
TS_INLINE vi splat_i(int32_t x) { return x - vi{}; }
TS_INLINE vu splat_u(uint32_t x) { return x - vu{}; }
TS_INLINE vi lane_numbers() {
  vi out;
  for (int i = 0; i < kLanes; ++i) out[i] = i;
  return out;
}

constexpr int64_t ceil_div(int64_t a, int64_t b) { return (a + b - 1) / b; }
constexpr int64_t min64(int64_t a, int64_t b) { return a < b ? a : b; }

// How far ahead of its use what comes from memory is asked for, in bytes: the processor's own look-ahead ends with each page.
constexpr int64_t kStreamAhead = 4096;

// Reinterprets bits; To and From have equal size.
template <class To, class From>
TS_INLINE To bits(From x) {
  static_assert(sizeof(To) == sizeof(From));
  To out;
  std::memcpy(&out, &x, sizeof out);
  return out;
}

// ---- Fused multiply-add: a * b + c, rounded once where the family has the instruction. The baseline has none and
// rounds twice, in every kernel and lane alike.
TS_INLINE vf fma(vf a, vf b, vf c) {
#if defined(__AVX512F__)
  return (vf)_mm512_fmadd_ps((__m512)a, (__m512)b, (__m512)c);
#elif defined(TS_ISA_wide)
  union Halves {
    vf whole;
    __m256 half[2];
  } x{a}, y{b}, z{c};
  z.half[0] = _mm256_fmadd_ps(x.half[0], y.half[0], z.half[0]);
  z.half[1] = _mm256_fmadd_ps(x.half[1], y.half[1], z.half[1]);
  return z.whole;
#elif defined(__FMA__)
  return (vf)_mm256_fmadd_ps((__m256)a, (__m256)b, (__m256)c);
#elif defined(__aarch64__)
  return (vf)vfmaq_f32((float32x4_t)c, (float32x4_t)a, (float32x4_t)b);
#else
  return a * b + c;
#endif
}
TS_INLINE float fma(float a, float b, float c) {
#if defined(__FMA__) || defined(__aarch64__)
  return __builtin_fmaf(a, b, c);
#else
  return a * b + c;
#endif
}

// ---- Whole vectors at any address.
TS_INLINE vf load(const float* p) {
  vf out;
  std::memcpy(&out, p, sizeof out);
  return out;
}
TS_INLINE vi load(const int32_t* p) {
  vi out;
  std::memcpy(&out, p, sizeof out);
  return out;
}
TS_INLINE void store(float* p, vf x) { std::memcpy(p, &x, sizeof x); }
TS_INLINE void store(int32_t* p, vi x) { std::memcpy(p, &x, sizeof x); }

// ---- The first n lanes, 0 <= n <= kLanes; the others load as zero and are not stored. Memory behind them is not touched.
#if TS_VBYTES == 32
TS_INLINE __m256i first_lanes(int n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
#endif
#if defined(__AVX512F__)
TS_INLINE __mmask16 first_lanes(int n) { return static_cast<__mmask16>((1u << n) - 1u); }
#endif
TS_INLINE vf load_n(const float* p, int n) {
#if defined(__AVX512F__)
  return (vf)_mm512_maskz_loadu_ps(first_lanes(n), p);
#elif TS_VBYTES == 32
  return (vf)_mm256_maskload_ps(p, first_lanes(n));
#else
  float lanes[kLanes] = {};
  std::memcpy(lanes, p, static_cast<size_t>(n) * 4);
  return load(lanes);
#endif
}
TS_INLINE void store_n(float* p, vf x, int n) {
#if defined(__AVX512F__)
  _mm512_mask_storeu_ps(p, first_lanes(n), (__m512)x);
#elif TS_VBYTES == 32
  _mm256_maskstore_ps(p, first_lanes(n), (__m256)x);
#else
  std::memcpy(p, &x, static_cast<size_t>(n) * 4);
#endif
}
TS_INLINE vi load_n(const int32_t* p, int n) { return bits<vi>(load_n(reinterpret_cast<const float*>(p), n)); }
TS_INLINE void store_n(int32_t* p, vi x, int n) { store_n(reinterpret_cast<float*>(p), bits<vf>(x), n); }

TS_INLINE vh load_words(const uint16_t* p) {
  vh out;
  std::memcpy(&out, p, sizeof out);
  return out;
}
TS_INLINE vh load_words_n(const uint16_t* p, int n) {
  uint16_t lanes[kLanes] = {};
  std::memcpy(lanes, p, static_cast<size_t>(n) * 2);
  return load_words(lanes);
}
TS_INLINE void store_words(uint16_t* p, vh x) { std::memcpy(p, &x, sizeof x); }
TS_INLINE void store_words_n(uint16_t* p, vh x, int n) { std::memcpy(p, &x, static_cast<size_t>(n) * 2); }

// ---- Words and halves of words. GCC takes a whole vector apart where one instruction would do.
TS_INLINE vu widen(vh x) {
#if defined(__AVX512F__)
  return (vu)_mm512_maskz_cvtepu16_epi32(0xffff, (__m256i)x);  // GCC warns of what the plain form leaves undefined
#elif TS_VBYTES == 32
  return (vu)_mm256_cvtepu16_epi32((__m128i)x);
#else
  return __builtin_convertvector(x, vu);
#endif
}
// The lower halves.
TS_INLINE vh lower_halves(vu x) {
#if defined(__AVX512F__)
  return (vh)_mm512_maskz_cvtepi32_epi16(0xffff, (__m512i)x);
#else
  return __builtin_convertvector(x, vh);
#endif
}

// ---- 16-bit floats. To bfloat16: round to nearest, ties to even; NaN stays NaN.
TS_INLINE vf from_bf16(vh x) { return bits<vf>(widen(x) << 16); }
TS_INLINE vh to_bf16(vf x) {
  const vu u = bits<vu>(x);
  const vu rounded = u + 0x7fffu + ((u >> 16) & 1u);
  const vu nan = (u & 0xffff0000u) | 0x00400000u;
  return lower_halves((x != x ? nan : rounded) >> 16);
}
// The nearest bfloat16, still as float32.
TS_INLINE vf round_bf16(vf x) {
  const vu u = bits<vu>(x);
  const vu rounded = (u + 0x7fffu + ((u >> 16) & 1u)) & 0xffff0000u;
  const vu nan = (u & 0xffff0000u) | 0x00400000u;
  return bits<vf>(x != x ? nan : rounded);
}
// The same where a NaN may become anything: what it stands for is lost already.
TS_INLINE vf round_bf16_number(vf x) {
  const vu u = bits<vu>(x);
  return bits<vf>((u + 0x7fffu + ((u >> 16) & 1u)) & 0xffff0000u);
}
TS_INLINE float from_bf16(uint16_t x) { return bits<float>(static_cast<uint32_t>(x) << 16); }
TS_INLINE uint16_t to_bf16(float x) {
  const uint32_t u = bits<uint32_t>(x);
  if (x != x) return static_cast<uint16_t>((u >> 16) | 0x0040u);
  return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}
TS_INLINE float round_bf16(float x) { return from_bf16(to_bf16(x)); }

TS_INLINE float from_f16(uint16_t x) {
  const uint32_t sign = static_cast<uint32_t>(x & 0x8000u) << 16;
  const uint32_t magnitude = x & 0x7fffu;
  if (magnitude >= 0x7c00u) return bits<float>(sign | 0x7f800000u | (magnitude << 13));
  if (magnitude >= 0x0400u) return bits<float>(sign | ((magnitude << 13) + 0x38000000u));
  const float small = static_cast<float>(magnitude) * 0x1p-24f;  // subnormal: exact in float32
  return bits<float>(sign | bits<uint32_t>(small));
}
TS_INLINE uint16_t to_f16(float x) {
  const uint32_t u = bits<uint32_t>(x);
  const uint32_t sign = (u >> 16) & 0x8000u;
  const uint32_t magnitude = u & 0x7fffffffu;
  if (magnitude > 0x7f800000u) return static_cast<uint16_t>(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) return static_cast<uint16_t>(sign | 0x7c00u);  // rounds past 65504
  if (magnitude < 0x38800000u) {
    // Below the smallest normal: adding 2^-1 aligns the last kept bit with float32's last bit and rounds to even.
    const float shifted = bits<float>(magnitude) + 0.5f;
    return static_cast<uint16_t>(sign | (bits<uint32_t>(shifted) - 0x3f000000u));
  }
  const uint32_t rounded = magnitude + 0xfffu + ((magnitude >> 13) & 1u) - 0x38000000u;
  return static_cast<uint16_t>(sign | (rounded >> 13));
}
TS_INLINE vf from_f16(vh x) {
#if defined(__AVX512F__)
  return (vf)_mm512_cvtph_ps((__m256i)x);
#elif TS_VBYTES == 32
  return (vf)_mm256_cvtph_ps((__m128i)x);
#else
  vf out;
  for (int i = 0; i < kLanes; ++i) out[i] = from_f16(x[i]);
  return out;
#endif
}
TS_INLINE vh to_f16(vf x) {
#if defined(__AVX512F__)
  return (vh)_mm512_cvtps_ph((__m512)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#elif TS_VBYTES == 32
  return (vh)_mm256_cvtps_ph((__m256)x, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
#else
  vh out;
  for (int i = 0; i < kLanes; ++i) out[i] = to_f16(x[i]);
  return out;
#endif
}

// ---- Lane-wise choices. max and min give b where either operand is NaN (the x86 rule, spelled out).
TS_INLINE vf max(vf a, vf b) { return a > b ? a : b; }
TS_INLINE vf min(vf a, vf b) { return a < b ? a : b; }
TS_INLINE vf select(vi mask, vf a, vf b) { return mask ? a : b; }
TS_INLINE vf abs(vf x) { return bits<vf>(bits<vu>(x) & 0x7fffffffu); }
TS_INLINE vf sqrt(vf x) {
#if defined(__AVX512F__)
  return (vf)_mm512_sqrt_ps((__m512)x);
#elif TS_VBYTES == 32
  return (vf)_mm256_sqrt_ps((__m256)x);
#else
  vf out;
  for (int i = 0; i < kLanes; ++i) out[i] = __builtin_sqrtf(x[i]);
  return out;
#endif
}

// ---- Across lanes, always in the same tree: halves are folded until one lane is left.
template <class Fold>
TS_INLINE float fold_lanes(vf x, Fold fold) {
  float lanes[kLanes];
  store(lanes, x);
  for (int width = kLanes / 2; width >= 1; width /= 2) {
    for (int i = 0; i < width; ++i) lanes[i] = fold(lanes[i], lanes[i + width]);
  }
  return lanes[0];
}
TS_INLINE float sum_lanes(vf x) {
  return fold_lanes(x, [](float a, float b) { return a + b; });
}
TS_INLINE float max_lanes(vf x) {
  return fold_lanes(x, [](float a, float b) { return a > b ? a : b; });
}

}  // namespace ts::TS_ISA
