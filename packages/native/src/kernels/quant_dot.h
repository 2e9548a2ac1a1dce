// Products with int8 activations: y = Σ over units of scale · s · (Σ code · q) (+ offset · s · Σ q), where a unit's x is
// s · q. The sum over a unit is exact in int32 on every instruction family; units are added in ascending order by fused
// multiply-adds in float32. Nothing else enters a row's result.
#pragma once

#include "core/memory.h"
#include "core/pool.h"
#include "quant.h"

namespace ts::TS_ISA {

// One unit of a row of activations, for one format of weights.
struct Activation {
  uint32_t q[8];     // 32 int8
  float scale;
  float shift;       // scale · Σ q, what an offset is multiplied by
  int32_t start[2];  // what takes the bias of the codes out of Σ code · q, for each scale of the unit
};

// V vectors of weight rows: from `lane` of the panels f[0], f[1], …, kPerPanel vectors of each.
template <int kPerPanel, class F>
TS_INLINE vu codes_of(const F* f, int64_t u, int w, int lane, int v) {
  return f[v / kPerPanel].codes(u, w, lane + v % kPerPanel * kLanes);
}

// dot[r][v] += Σ code · q over words [kFirst, kLast) of unit u of V vectors of weight rows, for R rows of x (x_stride units apart),
// exact in 32-bit integers. Codes are taken as they are stored, or with kSignedBias added to signed ones.
#if defined(__AVX512VNNI__)
constexpr int kSignedBias = 128;  // vpdpbusd takes unsigned codes
template <class F, int R, int V, int kPerPanel, int kFirst, int kLast>
TS_INLINE void dot_words(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vi (&dot)[R][V]) {
#pragma GCC unroll 8
  for (int w = kFirst; w < kLast; ++w) {
    vu codes[V];
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const vu stored = codes_of<kPerPanel>(f, u, w, lane, v);
      codes[v] = F::kSigned ? stored ^ 0x80808080u : stored;
    }
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const __m512i q = _mm512_set1_epi32(static_cast<int>(x[r * x_stride].q[w]));
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) dot[r][v] = (vi)_mm512_dpbusd_epi32((__m512i)dot[r][v], (__m512i)codes[v], q);
    }
  }
}
#elif defined(TS_ISA_avx2)
constexpr int kSignedBias = 0;
template <class F, int R, int V, int kPerPanel, int kFirst, int kLast>
TS_INLINE void dot_words(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vi (&dot)[R][V]) {
  const __m256i ones = _mm256_set1_epi16(1);
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    __m256i codes[kLast - kFirst];
#pragma GCC unroll 8
    for (int w = kFirst; w < kLast; ++w) codes[w - kFirst] = (__m256i)codes_of<kPerPanel>(f, u, w, lane, v);
    const auto q = [=](int r, int w) { return _mm256_set1_epi32(static_cast<int>(x[r * x_stride].q[w])); };
    if constexpr (F::kSigned) {
#pragma GCC unroll 8
      for (int w = kFirst; w < kLast; ++w) {
        // maddubs wants one unsigned operand: |code| and q with the code's sign. 128 * 127 * 2 fits in 16 bits.
        const __m256i code = codes[w - kFirst], size = _mm256_abs_epi8(code);
#pragma GCC unroll 8
        for (int r = 0; r < R; ++r) {
          dot[r][v] += (vi)_mm256_madd_epi16(_mm256_maddubs_epi16(size, _mm256_sign_epi8(q(r, w), code)), ones);
        }
      }
    } else {
      // Codes below 16: eight words of pairs fit in 16 bits (8 * 2 * 15 * 127); codes below 64: two do.
      constexpr int kRun = F::kBias == 32 ? 2 : kLast - kFirst;
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
        for (int start = kFirst; start < kLast; start += kRun) {
          __m256i pairs = _mm256_setzero_si256();
#pragma GCC unroll 8
          for (int w = start; w < start + kRun; ++w) pairs = _mm256_add_epi16(pairs, _mm256_maddubs_epi16(codes[w - kFirst], q(r, w)));
          dot[r][v] += (vi)_mm256_madd_epi16(pairs, ones);
        }
      }
    }
  }
}
#elif defined(__AVX512BW__)
constexpr int kSignedBias = 0;
template <class F, int R, int V, int kPerPanel, int kFirst, int kLast>
TS_INLINE void dot_words(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vi (&dot)[R][V]) {
  const __m512i ones = _mm512_set1_epi16(1);
#pragma GCC unroll 8
  for (int w = kFirst; w < kLast; ++w) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const __m512i code = (__m512i)codes_of<kPerPanel>(f, u, w, lane, v);
      const __m512i size = F::kSigned ? _mm512_abs_epi8(code) : code;
      const __mmask64 negative = F::kSigned ? _mm512_movepi8_mask(code) : 0;
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        __m512i q = _mm512_set1_epi32(static_cast<int>(x[r * x_stride].q[w]));
        if constexpr (F::kSigned) q = _mm512_mask_sub_epi8(q, negative, _mm512_setzero_si512(), q);
        dot[r][v] += (vi)_mm512_madd_epi16(_mm512_maddubs_epi16(size, q), ones);
      }
    }
  }
}
#elif defined(__aarch64__)
constexpr int kSignedBias = 0;
template <class F, int R, int V, int kPerPanel, int kFirst, int kLast>
TS_INLINE void dot_words(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vi (&dot)[R][V]) {
#pragma GCC unroll 8
  for (int w = kFirst; w < kLast; ++w) {
#pragma GCC unroll 4
    for (int v = 0; v < V; ++v) {
      const int8x16_t code = vreinterpretq_s8_u32((uint32x4_t)codes_of<kPerPanel>(f, u, w, lane, v));
#pragma GCC unroll 8
      for (int r = 0; r < R; ++r) {
        const int8x16_t q = vreinterpretq_s8_u32(vdupq_n_u32(x[r * x_stride].q[w]));
        const int16x8_t low = vmull_s8(vget_low_s8(code), vget_low_s8(q)), high = vmull_high_s8(code, q);
        dot[r][v] = (vi)vpadalq_s16((int32x4_t)dot[r][v], vpaddq_s16(low, high));
      }
    }
  }
}
#else
constexpr int kSignedBias = 0;
template <class F, int R, int V, int kPerPanel, int kFirst, int kLast>
TS_INLINE void dot_words(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vi (&dot)[R][V]) {
  for (int w = kFirst; w < kLast; ++w) {
    for (int v = 0; v < V; ++v) {
      const vu codes = codes_of<kPerPanel>(f, u, w, lane, v);
      for (int i = 0; i < 4; ++i) {
        const vu top = codes << (24 - 8 * i);
        const vi code = F::kSigned ? bits<vi>(top) >> 24 : bits<vi>(top >> 24);
        for (int r = 0; r < R; ++r) dot[r][v] += code * static_cast<int8_t>(x[r * x_stride].q[w] >> (8 * i));
      }
    }
  }
}
#endif

// What dot_words takes codes of a format for beyond their values.
template <class F>
constexpr int stored_bias = F::kSigned ? kSignedBias : F::kBias;

// acc[r][v] += unit u of R rows of x against V vectors of weight rows.
template <class F, int R, int V, int kPerPanel>
TS_INLINE void add_unit(const F* f, int64_t u, int lane, const Activation* x, int64_t x_stride, vf (&acc)[R][V]) {
  vf scale[V][F::kScales], offset[V] = {};
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) f[v / kPerPanel].scales(u, lane + v % kPerPanel * kLanes, scale[v], offset[v]);
  const auto part = [&]<int kPart>() __attribute__((always_inline)) {
    constexpr int kWords = 8 / F::kScales;
    vi dot[R][V];
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) dot[r][v] = stored_bias<F> == 0 ? vi{} : splat_i(x[r * x_stride].start[kPart]);
    }
    dot_words<F, R, V, kPerPanel, kPart * kWords, (kPart + 1) * kWords>(f, u, lane, x, x_stride, dot);
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) {
        acc[r][v] = fma(__builtin_convertvector(dot[r][v], vf), scale[v][kPart] * x[r * x_stride].scale, acc[r][v]);
      }
    }
  };
  part.template operator()<0>();
  if constexpr (F::kScales == 2) part.template operator()<1>();
  if constexpr (F::kOffset) {
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < V; ++v) acc[r][v] = fma(offset[v], splat(x[r * x_stride].shift), acc[r][v]);
    }
  }
}

// How far ahead of its use a panel is asked for: the processor's own look-ahead starts anew on every page.
constexpr int64_t kAheadBytes = 3072;

// acc + bias into R rows of y, the first `cols` of V vectors.
template <int R, int V>
TS_INLINE void store_sums(const vf (&acc)[R][V], int64_t cols, const float* bias, float* y, int64_t ldy) {
#pragma GCC unroll 4
  for (int v = 0; v < V; ++v) {
    const int64_t left = cols - v * kLanes;
    if (left <= 0) break;
    const int n = left < kLanes ? static_cast<int>(left) : kLanes;
#pragma GCC unroll 8
    for (int r = 0; r < R; ++r) {
      const vf sum = bias == nullptr ? acc[r][v] : acc[r][v] + load_n(bias + v * kLanes, n);
      store_n(y + r * ldy + v * kLanes, sum, n);
    }
  }
}

// One row of x against a panel of `bytes` bytes, of which `cols` rows are real. It waits for memory: the panel is read straight on and
// asked for ahead of its use, and the beginning of the next one with its end.
template <class F>
__attribute__((noinline)) void int8_row(const F& f, const uint8_t* panel, int64_t bytes, int64_t units, int64_t cols, const Activation* x,
                                        const float* bias, float* y) {
  constexpr int kVectors = kPanelRows / kLanes;
  const int64_t unit_bytes = units == 0 ? 0 : bytes / units;
  vf acc[1][kVectors] = {};
  for (int64_t u = 0; u < units; ++u) {
    const uint8_t* ahead = panel + u * unit_bytes + kAheadBytes;
    for (int64_t at = 0; at < unit_bytes; at += 64) __builtin_prefetch(ahead + at);
    add_unit<F, 1, kVectors, kVectors>(&f, u, 0, x + u, units, acc);
  }
  store_sums(acc, cols, bias, y, 0);
}

// R rows of x against one vector of each of P panels.
template <class F, int R, int P>
__attribute__((noinline)) void int8_tile(const F* f, int64_t units, int lane, int64_t cols, const Activation* x, const float* bias, float* y,
                                         int64_t ldy) {
  vf acc[R][P] = {};
  for (int r = 0; r < R; ++r) {
    for (int p = 0; p < P; ++p) __builtin_prefetch(y + r * ldy + p * kPanelRows, 1);
  }
  for (int64_t u = 0; u < units; ++u) add_unit<F, R, P, 1>(f, u, lane, x + u, units, acc);
  store_sums(acc, cols, bias, y, ldy);
}

// What a tile for several rows of x takes: codes are unpacked once for all its rows, activations spread over a vector once for all its
// panels. Where codes are not multiplied by one instruction, registers are short.
#if defined(__AVX512VNNI__)
constexpr int kRowsAtOnce = 6, kPanelsAtOnce = 2;  // 24 of 32 registers are sums
static_assert(kPanelRows == kLanes);
#else
constexpr int kRowsAtOnce = 4, kPanelsAtOnce = 1;
#endif

// n rows of x against P panels, of which `cols` rows are real.
template <class F, int P>
TS_INLINE void int8_panels(const F (&f)[P], int64_t units, int64_t cols, int64_t n, const Activation* x, const float* bias, float* y,
                           int64_t ldy) {
  for (int lane = 0; lane < kPanelRows && lane < cols; lane += kLanes) {
    int64_t i = 0;
    const auto rows = [&]<int R>() {
      for (; i + R <= n; i += R) {
        int8_tile<F, R, P>(f, units, lane, cols - lane, x + i * units, bias == nullptr ? nullptr : bias + lane, y + i * ldy + lane, ldy);
      }
    };
    rows.template operator()<kRowsAtOnce>();
    if constexpr (kRowsAtOnce > 4) rows.template operator()<4>();
    rows.template operator()<2>();
    rows.template operator()<1>();
  }
}

// The same for panels [begin, end) of a weight, whose results begin at y.
template <class F>
inline void int8_block(const QuantSpec& s, const uint8_t* panels, int64_t begin, int64_t end, int64_t n, const Activation* x, const float* bias,
                       float* y) {
  const int64_t units = units_of(s), bytes = panel_bytes(s);
  const auto from = [&](int64_t p) { return p * kPanelRows; };
  const auto shift = [&](int64_t p) { return bias == nullptr ? nullptr : bias + from(p); };
  int64_t p = begin;
  if (n == 1) {
    for (; p < end; ++p) int8_row(F(panels + p * bytes, s), panels + p * bytes, bytes, units, s.rows - from(p), x, shift(p), y + from(p));
    return;
  }
  if constexpr (kPanelsAtOnce == 2) {
    for (; p + 2 <= end; p += 2) {
      const F f[2] = {F(panels + p * bytes, s), F(panels + (p + 1) * bytes, s)};
      int8_panels(f, units, s.rows - from(p), n, x, shift(p), y + from(p), s.rows);
    }
  }
  for (; p < end; ++p) {
    const F f[1] = {F(panels + p * bytes, s)};
    int8_panels(f, units, s.rows - from(p), n, x, shift(p), y + from(p), s.rows);
  }
}

TS_INLINE uint32_t largest_lane(vu x) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_epu32((__m512i)x);
#else
  uint32_t top = 0;
  for (int i = 0; i < kLanes; ++i) top = x[i] > top ? x[i] : top;
  return top;
#endif
}
TS_INLINE int32_t sum_of_lanes(vi x) {
#if defined(__AVX512F__)
  return _mm512_reduce_add_epi32((__m512i)x);
#else
  int32_t sum = 0;
  for (int i = 0; i < kLanes; ++i) sum += x[i];
  return sum;
#endif
}

// `count` units (at most kLanes, `stride` floats apart, n of a unit's 32 values real) as s · q: s = max |x| / 127,
// q = x · (1 / s) rounded half to even. A unit that holds a value that is not finite gets the scale NaN; one whose scale is
// below the normal range is zero. out.q(i) is where the codes go; out.rest(i, s, a, b) takes the rest: the lanes of a and b sum
// to Σ q of the first half and of the second.
template <class Out>
TS_INLINE void quantize_units(const float* x, int64_t stride, int count, int64_t n, const Out& out) {
  constexpr int kParts = kUnit / kLanes;
  const auto values = [=](int i, int p) {
    const int64_t left = n - p * kLanes;
    const float* from = x + i * stride + p * kLanes;
    return left >= kLanes ? load(from) : load_n(from, left > 0 ? static_cast<int>(left) : 0);
  };
  uint32_t tops[kLanes] = {};
  for (int i = 0; i < count; ++i) {
    vu most{};
    for (int p = 0; p < kParts; ++p) {
      const vu size = bits<vu>(values(i, p)) & 0x7fffffffu;  // ordered as the magnitudes are, NaN last
      most = size > most ? size : most;
    }
    tops[i] = largest_lane(most);
  }
  // One division for all units.
  const vf top = load(reinterpret_cast<const float*>(tops)), scale = top / splat(127.0f), inverse = splat(1.0f) / scale;
  const vi lost = bits<vi>(top) >= 0x7f800000, none = lost | (scale < splat(1.17549435e-38f));
  float scales[kLanes], inverses[kLanes];
  int32_t empty[kLanes];
  store(scales, select(lost, splat(__builtin_nanf("")), select(none, vf{}, scale)));
  store(inverses, inverse);
  store(empty, none);
  const vf magic = splat(12582912.0f);  // 1.5 * 2^23: adding it rounds to an integer
  typedef int8_t Codes __attribute__((vector_size(kLanes)));
  for (int i = 0; i < count; ++i) {
    int8_t* const q = out.q(i);
    if (empty[i] != 0) {
      std::memset(q, 0, kUnit);
      out.rest(i, scales[i], vi{}, vi{});
      continue;
    }
    vi sum[2] = {};
    for (int p = 0; p < kParts; ++p) {
      const vi code = bits<vi>(values(i, p) * splat(inverses[i]) + magic) - bits<vi>(magic);
      const Codes narrow = __builtin_convertvector(code, Codes);
      std::memcpy(q + p * kLanes, &narrow, sizeof narrow);
      sum[2 * p / kParts] += code;
    }
    out.rest(i, scales[i], sum[0], sum[1]);
  }
}

// A row of x, unit by unit, for weights of format F.
template <class F>
inline void quantize_row(const float* x, int64_t cols, Activation* out) {
  struct Out {
    Activation* at;
    int8_t* q(int i) const { return reinterpret_cast<int8_t*>(at[i].q); }
    void rest(int i, float scale, vi first, vi second) const {
      const int32_t sum[2] = {sum_of_lanes(first), sum_of_lanes(second)}, all = sum[0] + sum[1];
      at[i].scale = scale;
      at[i].shift = scale * static_cast<float>(all);
      for (int part = 0; part < 2; ++part) at[i].start[part] = -stored_bias<F> * (F::kScales == 2 ? sum[part] : all);
    }
  };
  const int64_t whole = cols / kUnit;
  for (int64_t u = 0; u < whole; u += kLanes) {
    quantize_units(x + u * kUnit, kUnit, static_cast<int>(whole - u < kLanes ? whole - u : kLanes), kUnit, Out{out + u});
  }
  if (whole * kUnit < cols) quantize_units(x + whole * kUnit, kUnit, 1, cols - whole * kUnit, Out{out + whole});
}

// Below this many bytes of codes a product stays on one thread.
constexpr int64_t kInt8Parallel = 1 << 15;

// y (n, rows) = x (n, cols) weightᵀ + bias and what follows, x rounded to int8.
inline Status int8_product(const QuantSpec& s, const uint8_t* panels, const float* x, const float* bias, float* y, int64_t n, const Epilogue& after) {
  if (n == 0 || s.rows == 0) return Status::ok;
  const int64_t units = units_of(s), count = panels_of(s);
  Scratch scratch(static_cast<size_t>(n * units) * sizeof(Activation));
  if (!scratch) return fail(Status::out_of_memory, "[quant_linear] no memory for %lld rows as int8", static_cast<long long>(n));
  Activation* rounded = scratch.as<Activation>();
  const auto round_rows = [&](int64_t begin, int64_t end, int) {
    with_format(s.format, [&]<class F>() {
      for (int64_t i = begin; i < end; ++i) quantize_row<F>(x + i * s.cols, s.cols, rounded + i * units);
    });
  };
  // Rows of x in blocks that stay in the second-level cache while the panels pass by.
  const int64_t block = ceil_div(int64_t{1} << 16, units * static_cast<int64_t>(sizeof(Activation)) + 1) * kRowsAtOnce;
  const auto multiply_panels = [&](int64_t begin, int64_t end, int) {
    with_format(s.format, [&]<class F>() {
      for (int64_t i = 0; i < n; i += block) {
        const int64_t rows = n - i < block ? n - i : block;
        int8_block<F>(s, panels, begin, end, rows, rounded + i * units, bias, y + i * s.rows);
        after_panels(s, begin, end, i, rows, y, after);
      }
    });
  };
  if (n == 1) {
    round_rows(0, 1, 0);
  } else {
    parallel_for(n, ceil_div(4096, s.cols + 1), round_rows);
  }
  if (n * count * panel_bytes(s) < kInt8Parallel) {
    multiply_panels(0, count, 0);
  } else {
    parallel_for(count, n == 1 ? 1 : kPanelsAtOnce, multiply_panels);
  }
  return Status::ok;
}

}  // namespace ts::TS_ISA
