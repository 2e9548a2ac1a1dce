// Quantised weights (M, K) in the layout that kernels multiply from: panels of 16 rows, whatever the vector width.
//
// A block of a GGUF format is some float16 numbers and 32-bit words of codes. A panel holds, block after block, each
// float16 of the 16 rows side by side, then each word of the 16 rows side by side: the bytes of the file, transposed. A
// vector then holds one word of several rows, that is, four codes of each, and sums of products need no folding.
// int8 is the same with float32 scales: first the words of all scales of a panel, then those of the codes, K padded with
// zeros to whole units. Rows are padded with zeros to whole panels.
#pragma once

#include "core/kernel.h"
#include "epilogue.h"
#include "simd.h"

namespace ts::TS_ISA {

enum class Format : int { q8_0 = 0, q4_0 = 1, q4_1 = 2, q4_k = 3, q6_k = 4, int8 = 5 };
constexpr int kFormatCount = 6;

constexpr int64_t kPanelRows = 16;
// Values that kernels take at a time: every format's scales are constant over 32 values, Q6_K's over each half.
constexpr int64_t kUnit = 32;
// Longest row of int8: its units are counted in 16 bits.
constexpr int64_t kMaxInt8Cols = (int64_t{1} << 16) * kUnit - 1;

struct QuantSpec {
  Format format;
  int64_t rows, cols;
  int64_t group;  // int8: values per scale, a multiple of kUnit or at least cols
};

// A GGUF block in the file: `halves` float16 numbers from byte half_at, `words` 32-bit words from word_at.
struct BlockShape {
  int64_t values, bytes, halves, half_at, words, word_at;
};
constexpr BlockShape kBlockShapes[kFormatCount - 1] = {
    {32, 34, 1, 0, 8, 2},      // Q8_0
    {32, 18, 1, 0, 4, 2},      // Q4_0
    {32, 20, 2, 0, 4, 4},      // Q4_1
    {256, 144, 2, 0, 35, 4},   // Q4_K: 3 words of scales and minimums, 32 of nibbles
    {256, 210, 1, 208, 52, 0}  // Q6_K: 32 words of low bits, 16 of high bits, 4 of scales
};

inline int64_t units_of(const QuantSpec& s) { return ceil_div(s.cols, kUnit); }
inline int64_t panels_of(const QuantSpec& s) { return ceil_div(s.rows, kPanelRows); }

// What follows a product, for the columns that panels [begin, end) gave n rows of y (…, rows) from row i on.
inline void after_panels(const QuantSpec& s, int64_t begin, int64_t end, int64_t i, int64_t n, float* y, const Epilogue& after) {
  const int64_t first = begin * kPanelRows, past = end * kPanelRows < s.rows ? end * kPanelRows : s.rows;
  after.apply(y + i * s.rows + first, s.rows, i, first, n, past - first);
}
inline int64_t groups_of(const QuantSpec& s) { return ceil_div(s.cols, s.group); }
inline int64_t panel_bytes(const QuantSpec& s) {
  if (s.format == Format::int8) return (groups_of(s) + units_of(s) * 8) * 4 * kPanelRows;
  const BlockShape& b = kBlockShapes[static_cast<int>(s.format)];
  return s.cols / b.values * b.bytes * kPanelRows;
}
inline int64_t file_row_bytes(const QuantSpec& s) {
  if (s.format == Format::int8) return groups_of(s) * 4 + s.cols;
  const BlockShape& b = kBlockShapes[static_cast<int>(s.format)];
  return s.cols / b.values * b.bytes;
}

// ---- Reading a panel. Each format is a class over one panel:
//   scales(u, lane, scale, offset): of unit u for kLanes rows from `lane`: scale[kScales], each for 32 / kScales values,
//     and what is added (kOffset).
//   codes(u, w, lane): word w of unit u: four codes of each row in bytes; signed, or unsigned and kBias too large.
// A value is scale * (code - bias) + offset, product and sum each rounded, as ggml computes it.

TS_INLINE vf halves_at(const uint8_t* p, int lane) {
  return from_f16(load_words(reinterpret_cast<const uint16_t*>(p) + lane));
}
TS_INLINE vu words_at(const uint8_t* p, int64_t word, int lane) {
  vu out;
  std::memcpy(&out, p + (word * kPanelRows + lane) * 4, sizeof out);
  return out;
}
// Byte i of every word, as a number from 0 to 255.
TS_INLINE vf byte_number(vu words, int i) {
  return __builtin_convertvector(bits<vi>((words >> (8 * i)) & 0xffu), vf);
}

// kTails: the last unit may be short.
struct Signed {
  static constexpr bool kTails = false;
  static constexpr bool kSigned = true;
  static constexpr int kBias = 0;
};
template <int Bias>
struct Unsigned {
  static constexpr bool kTails = false;
  static constexpr bool kSigned = false;
  static constexpr int kBias = Bias;
};

struct Q8_0 : Signed {
  static constexpr int kScales = 1;
  static constexpr bool kOffset = false;
  const uint8_t* panel;
  TS_INLINE Q8_0(const uint8_t* p, const QuantSpec&) : panel(p) {}
  TS_INLINE void scales(int64_t u, int lane, vf (&scale)[1], vf&) const { scale[0] = halves_at(panel + u * 544, lane); }
  TS_INLINE vu codes(int64_t u, int w, int lane) const { return words_at(panel + u * 544 + 32, w, lane); }
};

// Nibbles of 32 values in 4 words: values 0 … 15 low, 16 … 31 high.
TS_INLINE vu nibbles(const uint8_t* words, int w, int lane) {
  const vu pair = words_at(words, w & 3, lane);
  return (w < 4 ? pair : pair >> 4) & 0x0f0f0f0fu;
}

struct Q4_0 : Unsigned<8> {
  static constexpr int kScales = 1;
  static constexpr bool kOffset = false;
  const uint8_t* panel;
  TS_INLINE Q4_0(const uint8_t* p, const QuantSpec&) : panel(p) {}
  TS_INLINE void scales(int64_t u, int lane, vf (&scale)[1], vf&) const { scale[0] = halves_at(panel + u * 288, lane); }
  TS_INLINE vu codes(int64_t u, int w, int lane) const { return nibbles(panel + u * 288 + 32, w, lane); }
};

struct Q4_1 : Unsigned<0> {
  static constexpr int kScales = 1;
  static constexpr bool kOffset = true;
  const uint8_t* panel;
  TS_INLINE Q4_1(const uint8_t* p, const QuantSpec&) : panel(p) {}
  TS_INLINE void scales(int64_t u, int lane, vf (&scale)[1], vf& offset) const {
    scale[0] = halves_at(panel + u * 320, lane);
    offset = halves_at(panel + u * 320 + 32, lane);
  }
  TS_INLINE vu codes(int64_t u, int w, int lane) const { return nibbles(panel + u * 320 + 64, w, lane); }
};

struct Q4_K : Unsigned<0> {
  static constexpr int kScales = 1;
  static constexpr bool kOffset = true;
  const uint8_t* panel;
  TS_INLINE Q4_K(const uint8_t* p, const QuantSpec&) : panel(p) {}
  TS_INLINE void scales(int64_t u, int lane, vf (&scale)[1], vf& offset) const {
    const uint8_t* block = panel + (u >> 3) * 2304;
    const int j = static_cast<int>(u & 7);
    const vu a = words_at(block + 64, 0, lane), b = words_at(block + 64, 1, lane);
    vu scale6, min6;
    if (j < 4) {
      scale6 = a & 0x3f3f3f3fu;
      min6 = b & 0x3f3f3f3fu;
    } else {
      const vu c = words_at(block + 64, 2, lane);
      scale6 = (c & 0x0f0f0f0fu) | ((a >> 2) & 0x30303030u);
      min6 = ((c >> 4) & 0x0f0f0f0fu) | ((b >> 2) & 0x30303030u);
    }
    scale[0] = halves_at(block, lane) * byte_number(scale6, j & 3);
    offset = -(halves_at(block + 32, lane) * byte_number(min6, j & 3));
  }
  TS_INLINE vu codes(int64_t u, int w, int lane) const {
    const int j = static_cast<int>(u & 7);
    const vu pair = words_at(panel + (u >> 3) * 2304 + 64 + 192, (j >> 1) * 8 + w, lane);
    return ((j & 1) == 0 ? pair : pair >> 4) & 0x0f0f0f0fu;
  }
};

struct Q6_K : Unsigned<32> {
  static constexpr int kScales = 2;
  static constexpr bool kOffset = false;
  const uint8_t* panel;
  TS_INLINE Q6_K(const uint8_t* p, const QuantSpec&) : panel(p) {}
  TS_INLINE void scales(int64_t u, int lane, vf (&scale)[2], vf&) const {
    const uint8_t* block = panel + (u >> 3) * 3360;
    const int j = static_cast<int>(u & 7);
    const vf d = halves_at(block, lane);
    const vu four = words_at(block + 32, 48 + (j >> 1), lane);
#pragma GCC unroll 2
    for (int i = 0; i < 2; ++i) {
      const int byte = 2 * (j & 1) + i;
      scale[i] = d * __builtin_convertvector(bits<vi>(four << (24 - 8 * byte)) >> 24, vf);
    }
  }
  TS_INLINE vu codes(int64_t u, int w, int lane) const {
    const uint8_t* words = panel + (u >> 3) * 3360 + 32;
    const int j = static_cast<int>(u & 7), half = j >> 2, quarter = j & 3;
    const vu low = words_at(words, 16 * half + 8 * (quarter & 1) + w, lane) >> (quarter < 2 ? 0 : 4);
    const vu high = words_at(words, 32 + 8 * half + w, lane) >> (2 * quarter);
    return (low & 0x0f0f0f0fu) | ((high & 0x03030303u) << 4);
  }
};

struct Int8 : Signed {
  static constexpr bool kTails = true;
  static constexpr int kScales = 1;
  static constexpr bool kOffset = false;
  const uint8_t* scales_at;
  const uint8_t* codes_at;
  uint64_t inverse;  // of the units per group: (u * inverse) >> 32 is the quotient while u and the divisor are below 2^16
  TS_INLINE Int8(const uint8_t* p, const QuantSpec& s)
      : scales_at(p), codes_at(p + groups_of(s) * 4 * kPanelRows),
        inverse((uint64_t{1} << 32) / static_cast<uint64_t>(ceil_div(s.group, kUnit)) + 1) {}
  TS_INLINE void scales(int64_t u, int lane, vf (&scale)[1], vf&) const {
    scale[0] = bits<vf>(words_at(scales_at, static_cast<int64_t>((static_cast<uint64_t>(u) * inverse) >> 32), lane));
  }
  TS_INLINE vu codes(int64_t u, int w, int lane) const { return words_at(codes_at, u * 8 + w, lane); }
};

// fn.template operator()<F>() for the class of a format.
template <class Fn>
TS_INLINE void with_format(Format format, const Fn& fn) {
  switch (format) {
    case Format::q8_0: return fn.template operator()<Q8_0>();
    case Format::q4_0: return fn.template operator()<Q4_0>();
    case Format::q4_1: return fn.template operator()<Q4_1>();
    case Format::q4_k: return fn.template operator()<Q4_K>();
    case Format::q6_k: return fn.template operator()<Q6_K>();
    case Format::int8: return fn.template operator()<Int8>();
  }
}

// The 32 values of unit u of kLanes rows from `lane`: put(k, values).
template <class F, class Put>
TS_INLINE void dequantize_unit(const F& f, int64_t u, int lane, const Put& put) {
  vf scale[F::kScales], offset{};
  f.scales(u, lane, scale, offset);
#pragma GCC unroll 8
  for (int w = 0; w < 8; ++w) {
    const vu four = f.codes(u, w, lane);
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const vu top = four << (24 - 8 * i);
      vi code = F::kSigned ? bits<vi>(top) >> 24 : bits<vi>(top >> 24);
      if constexpr (F::kBias != 0) code -= F::kBias;
      vf x = scale[w * F::kScales / 8] * __builtin_convertvector(code, vf);
      if constexpr (F::kOffset) x = x + offset;
      put(4 * w + i, x);
    }
  }
}

}  // namespace ts::TS_ISA
