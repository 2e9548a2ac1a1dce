// Stands before every kernel file of the families `avx512bf16` and `amx` where the tests' machine lacks their instructions: the
// same sources, with each instruction written out in AVX-512. The bits are the instruction's: nearest, ties to even; operands
// and results that are subnormal count as zero. Tiles are memory here, so a sanitizer sees what is loaded and stored.
#pragma once

#include <immintrin.h>

#include <cstdint>
#include <cstring>

#define __AVX512BF16__ 1
#define _mm512_dpbf16_ps ts::TS_ISA::emulated_dot
#define _mm512_cvtne2ps_pbh ts::TS_ISA::emulated_narrow

namespace ts::TS_ISA {

using EmulatedWords = uint32_t __attribute__((vector_size(64)));

// Zero, of its sign, for what is subnormal.
inline __m512 emulated_flush(__m512 x) {
  const auto u = (EmulatedWords)x;
  return (__m512)((u & 0x7f800000u) == 0 ? u & 0x80000000u : u);
}
inline __m512 emulated_even(EmulatedWords pairs) { return emulated_flush((__m512)(pairs << 16)); }
inline __m512 emulated_odd(EmulatedWords pairs) { return emulated_flush((__m512)(pairs & 0xffff0000u)); }
inline __m512 emulated_fma(__m512 a, __m512 b, __m512 c) { return emulated_flush(_mm512_fmadd_ps(a, b, emulated_flush(c))); }

// Functions of their own, or GCC would write each out a hundred times in one loop.

// vdpbf16ps: the odd product first, each step fused.
__attribute__((noinline)) inline __m512 emulated_dot(__m512 sum, __m512bh a, __m512bh b) {
  const auto x = (EmulatedWords)a, y = (EmulatedWords)b;
  return emulated_fma(emulated_even(x), emulated_even(y), emulated_fma(emulated_odd(x), emulated_odd(y), sum));
}

// vcvtne2ps2bf16: the second operand's values below the first's.
__attribute__((noinline)) inline __m512bh emulated_narrow(__m512 upper, __m512 lower) {
  uint16_t out[32];
  for (int i = 0; i < 32; ++i) {
    const __m512 flushed = emulated_flush(i < 16 ? lower : upper);
    const uint32_t u = ((EmulatedWords)flushed)[i % 16];
    const bool nan = (u & 0x7fffffffu) > 0x7f800000u;
    out[i] = static_cast<uint16_t>(nan ? (u >> 16) | 0x40u : (u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
  }
  __m512bh words;
  std::memcpy(&words, out, sizeof words);
  return words;
}

// Eight tiles of 16 rows of 64 bytes for each thread. Rows and bytes that are not configured take no part.
struct alignas(64) EmulatedTiles {
  uint8_t data[8][16][64];
  uint8_t row_bytes[8], rows[8];
};
inline thread_local EmulatedTiles emulated_tiles;

inline void emulated_release() { std::memset(&emulated_tiles, 0, sizeof emulated_tiles); }
template <class Config>
void emulated_configure(const Config& config) {
  emulated_release();
  for (int t = 0; t < 8; ++t) {
    emulated_tiles.row_bytes[t] = static_cast<uint8_t>(config.row_bytes[t]);
    emulated_tiles.rows[t] = config.rows[t];
  }
}
inline void emulated_zero(int tile) { std::memset(emulated_tiles.data[tile], 0, sizeof emulated_tiles.data[tile]); }
inline void emulated_load(int tile, const void* from, int64_t stride) {
  emulated_zero(tile);
  const EmulatedTiles& t = emulated_tiles;
  for (int r = 0; r < t.rows[tile]; ++r) std::memcpy(emulated_tiles.data[tile][r], static_cast<const char*>(from) + r * stride, t.row_bytes[tile]);
}
inline void emulated_store(int tile, void* to, int64_t stride) {
  const EmulatedTiles& t = emulated_tiles;
  for (int r = 0; r < t.rows[tile]; ++r) std::memcpy(static_cast<char*>(to) + r * stride, t.data[tile][r], t.row_bytes[tile]);
}

// tdpbf16ps: products of even k in one fused chain from zero, those of odd k in another; then sum += even + odd.
__attribute__((noinline)) inline void emulated_tile_dot(int sum, int a, int b) {
  EmulatedTiles& t = emulated_tiles;
  for (int r = 0; r < t.rows[sum]; ++r) {
    __m512 even = _mm512_setzero_ps(), odd = _mm512_setzero_ps();
    for (int k = 0; k < t.row_bytes[a] / 4; ++k) {
      uint32_t pair;
      std::memcpy(&pair, &t.data[a][r][4 * k], 4);
      const EmulatedWords x = pair - EmulatedWords{}, y = (EmulatedWords)_mm512_load_si512(t.data[b][k]);
      even = emulated_fma(emulated_even(x), emulated_even(y), even);
      odd = emulated_fma(emulated_odd(x), emulated_odd(y), odd);
    }
    const __m512 both = emulated_flush(_mm512_add_ps(even, odd));
    _mm512_store_ps(t.data[sum][r], emulated_flush(_mm512_add_ps(emulated_flush(_mm512_load_ps(t.data[sum][r])), both)));
  }
}

// tdpbssd: sums of products of int8, exact.
inline void emulated_tile_dot_int8(int sum, int a, int b) {
  EmulatedTiles& t = emulated_tiles;
  for (int r = 0; r < t.rows[sum]; ++r) {
    int32_t totals[16];
    std::memcpy(totals, t.data[sum][r], 64);
    for (int k = 0; k < t.row_bytes[a]; ++k) {
      const int x = static_cast<int8_t>(t.data[a][r][k]);
      for (int c = 0; c < 16; ++c) totals[c] += x * static_cast<int8_t>(t.data[b][k / 4][4 * c + k % 4]);
    }
    std::memcpy(t.data[sum][r], totals, 64);
  }
}

}  // namespace ts::TS_ISA

#define TS_TILE_CONFIGURE(config) emulated_configure(config)
#define TS_TILE_RELEASE() emulated_release()
#define TS_TILE_LOAD(tile, from, stride) emulated_load(tile, from, stride)
#define TS_TILE_STORE(tile, to, stride) emulated_store(tile, to, stride)
#define TS_TILE_ZERO(tile) emulated_zero(tile)
#define TS_TILE_DOT(sum, a, b) emulated_tile_dot(sum, a, b)
#define TS_TILE_DOT_INT8(sum, a, b) emulated_tile_dot_int8(sum, a, b)
