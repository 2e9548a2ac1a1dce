// Words of panels: values as they come from memory, pairs of bfloat16, and blocks of them transposed.
#pragma once

#include "kernels/gemm_layout.h"

namespace ts::TS_ISA {

// An operand seen from its panels: lane l, place k is at data[l * lane_stride + k * k_stride].
struct PackSource {
  const void* data;
  DType dtype;
  int64_t lane_stride, k_stride;
};

// Panels that are written side by side where lanes run along memory: a row is read straight on over all of them.
constexpr int64_t kAbreast = 32;

// How many of a group of kLanes lanes are real, of `left` from the group's first on.
TS_INLINE int real_lanes(int64_t left) { return left <= 0 ? 0 : left < kLanes ? static_cast<int>(left) : kLanes; }

// Numbers of lanes as a pack: shuffles are single instructions only where the compiler knows their constants.
template <int... kLane>
struct Lanes {};
template <int kCount, int... kLane>
struct LanesUpTo : LanesUpTo<kCount - 1, kCount - 1, kLane...> {};
template <int... kLane>
struct LanesUpTo<0, kLane...> {
  using List = Lanes<kLane...>;
};

// Lanes of a and, from kLanes on, of b. The one builtin is clang's, the other that of GCC before 12.
template <int... kFrom>
TS_INLINE vu shuffled(vu a, vu b) {
#if defined(__clang__)
  return __builtin_shufflevector(a, b, kFrom...);
#else
  constexpr vi from{kFrom...};
  return __builtin_shuffle(a, b, from);
#endif
}

// Exchanges the upper lanes of every block of 2 kStep lanes of a for the lower ones of b.
template <int kStep, int... kLane>
TS_INLINE void exchange(vu& a, vu& b, Lanes<kLane...>) {
  const vu first = shuffled<((kLane & kStep) != 0 ? kLanes + kLane - kStep : kLane)...>(a, b);
  b = shuffled<((kLane & kStep) != 0 ? kLanes + kLane : kLane + kStep)...>(a, b);
  a = first;
}

// kLanes x kLanes transpose: exchanges blocks of 1, 2, 4, … lanes between rows.
template <int kStep = 1>
TS_INLINE void transpose(vu (&x)[kLanes]) {
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) {
    if ((i & kStep) == 0) exchange<kStep>(x[i], x[i + kStep], LanesUpTo<kLanes>::List{});
  }
  if constexpr (2 * kStep < kLanes) transpose<2 * kStep>(x);
}

// kLanes rows of kLanes words as columns: row l begins at from(l), column i at to(i).
template <class From, class To>
TS_INLINE void turn(const From& from, const To& to) {
  vu block[kLanes];
#pragma GCC unroll 16
  for (int l = 0; l < kLanes; ++l) std::memcpy(&block[l], from(l), sizeof(vu));
  transpose(block);
#pragma GCC unroll 16
  for (int i = 0; i < kLanes; ++i) std::memcpy(to(i), &block[i], sizeof(vu));
}

#if defined(__AVX512BF16__)
// 32 values as 16 words of two, rounded; subnormals become zero, as in every product of theirs.
TS_INLINE vu narrow(vf first, vf second) { return (vu)_mm512_cvtne2ps_pbh((__m512)second, (__m512)first); }
#endif

// n consecutive values as float32.
template <DType D>
TS_INLINE vf load_values(const void* data, int64_t at, int n) {
  if constexpr (D == DType::float32) {
    const float* p = static_cast<const float*>(data) + at;
    return n == kLanes ? load(p) : load_n(p, n);
  } else {
    const uint16_t* p = static_cast<const uint16_t*>(data) + at;
    return from_bf16(n == kLanes ? load_words(p) : load_words_n(p, n));
  }
}

// The bits of values as panels of whole words keep them: float32 as it is, bfloat16 in the upper half of the word.
template <class T, DType D>
TS_INLINE vu rounded(vf x) {
  if constexpr (T::compute == Compute::bfloat16 && D == DType::float32) return bits<vu>(round_bf16(x));
  return bits<vu>(x);
}

// 2 kLanes consecutive places, the first n of them real, as kLanes words of rounded pairs.
template <DType D>
TS_INLINE vu load_pairs(const void* data, int64_t at, int n) {
  const int low = n < kLanes ? n : kLanes;
  vh half[2];
  if constexpr (D == DType::bfloat16) {
    const uint16_t* p = static_cast<const uint16_t*>(data) + at;
    half[0] = low == kLanes ? load_words(p) : load_words_n(p, low);
    half[1] = n == 2 * kLanes ? load_words(p + kLanes) : load_words_n(p + low, n - low);
  } else {
    const vf first = load_values<D>(data, at, low), second = load_values<D>(data, at + low, n - low);
#if defined(__AVX512BF16__)
    return narrow(first, second);
#else
    half[0] = to_bf16(first);
    half[1] = to_bf16(second);
#endif
  }
  vu out;
  std::memcpy(&out, half, sizeof out);
  return out;
}

#if defined(__AVX512BF16__)
// 16 halves and 16 more as words: low halves from the first ones, high halves from the others.
TS_INLINE vu interleave(__m512i halves) {
  alignas(64) static constexpr uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                                     8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return (vu)_mm512_permutexvar_epi16(_mm512_load_si512(order), halves);
}
#endif

// Words whose low halves are `even` and high halves `odd`, bfloat16 as it lies in memory.
TS_INLINE vu pair_halves(vh even, vh odd) {
#if defined(__AVX512BF16__)
  return interleave(_mm512_inserti64x4(_mm512_castsi256_si512((__m256i)even), (__m256i)odd, 1));
#else
  return widen(even) | (widen(odd) << 16);
#endif
}

// Words whose low halves are the bfloat16 of `even` and high halves of `odd`, float32 or already rounded.
TS_INLINE vu pair_words(vf even, vf odd) {
#if defined(__AVX512BF16__)
  return interleave((__m512i)narrow(even, odd));
#else
  return (bits<vu>(round_bf16(odd)) & 0xffff0000u) | (bits<vu>(round_bf16(even)) >> 16);
#endif
}

// Places `at` and `at` + 1 of kLanes lanes, n of them real, where lanes run along memory; places from `end` on are zeros.
template <DType D>
TS_INLINE vu load_row_pair(const PackSource& s, int64_t at, int64_t end, int64_t lane, int n) {
  const auto place = [&](int64_t row) { return row * s.k_stride + lane; };
  if constexpr (D == DType::bfloat16) {
    const auto row = [&](int64_t i) {
      const uint16_t* p = static_cast<const uint16_t*>(s.data) + place(i);
      return i >= end ? vh{} : n == kLanes ? load_words(p) : load_words_n(p, n);
    };
    return pair_halves(row(at), row(at + 1));
  } else {
    const auto row = [&](int64_t i) { return i < end ? load_values<D>(s.data, place(i), n) : vf{}; };
    return pair_words(row(at), row(at + 1));
  }
}

}  // namespace ts::TS_ISA
