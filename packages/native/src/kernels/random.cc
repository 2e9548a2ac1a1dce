// Random numbers: Philox 4x32-10 (Salmon et al. 2011), a pure function of key and counter.
#include "core/kernel.h"
#include "core/pool.h"
#include "simd.h"

namespace ts::TS_ISA {
namespace {

struct Words {
  uint32_t w[4];
};

TS_INLINE Words philox(uint32_t k0, uint32_t k1, Words c) {
  for (int round = 0; round < 10; ++round) {
    const uint64_t p = uint64_t{0xd2511f53u} * c.w[0], q = uint64_t{0xcd9e8d57u} * c.w[2];
    c = {{static_cast<uint32_t>(q >> 32) ^ c.w[1] ^ k0, static_cast<uint32_t>(q), static_cast<uint32_t>(p >> 32) ^ c.w[3] ^ k1,
          static_cast<uint32_t>(p)}};
    k0 += 0x9e3779b9u;
    k1 += 0xbb67ae85u;
  }
  return c;
}

// A multiple of 2^-24 in [0, 1).
TS_INLINE float unit(uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24f; }

// Element i comes from word i % 4 of counter (i / 4 as 64 bits, stream). args: 0 y, 1 size, 2 seed, 3 its high word, 4 stream, 5 its high word
Status uniform(Args& args) {
  float* y = args.ptr<float>(0);
  const int64_t size = args.size(1);
  const uint32_t k0 = args.word(2), k1 = args.word(3), s0 = args.word(4), s1 = args.word(5);
  parallel_for((size + 3) / 4, 4096, [=](int64_t begin, int64_t end, int) {
    for (int64_t b = begin; b < end; ++b) {
      const Words r = philox(k0, k1, {{static_cast<uint32_t>(b), static_cast<uint32_t>(b >> 32), s0, s1}});
      for (int64_t i = 4 * b; i < 4 * b + 4 && i < size; ++i) y[i] = unit(r.w[i - 4 * b]);
    }
  });
  return Status::ok;
}

// ln(k 2^-24), sin and cos of 2 pi j 2^-24 for whole k from 1 to 2^24 and j below 2^24, in double by the same products and
// sums as packages/tensor/src/random/normal.ts, so that normal numbers are the same bits there and here.
TS_INLINE double log_unit(uint32_t k) {
  const int top = 31 - __builtin_clz(k);
  double m = static_cast<double>(k) / static_cast<double>(uint32_t{1} << top);
  double e = top - 24;
  if (m > 1.4142135623730951) {
    m *= 0.5;
    e += 1;
  }
  const double s = (m - 1) / (m + 1), t = s * s;
  double sum = 1.0 / 21;
  for (int n = 19; n >= 1; n -= 2) sum = sum * t + 1.0 / n;
  return e * 0.6931471805599453 + 2 * s * sum;
}

struct Point {
  double cos, sin;
};
TS_INLINE Point circle(uint32_t j) {
  // The nearest eighth of a turn, and what is left of the angle, at most pi / 8 either way.
  const uint32_t eighth = (j + (1u << 20)) >> 21;
  const double x = (static_cast<double>(j) - static_cast<double>(eighth) * 2097152.0) * 3.7450702829239286e-7;
  const double t = x * x;
  double s = -1.0 / 39916800, c = 1.0 / 479001600;
  s = s * t + 1.0 / 362880;
  s = s * t - 1.0 / 5040;
  s = s * t + 1.0 / 120;
  s = s * t - 1.0 / 6;
  s = s * t + 1;
  s = s * x;
  c = c * t - 1.0 / 3628800;
  c = c * t + 1.0 / 40320;
  c = c * t - 1.0 / 720;
  c = c * t + 1.0 / 24;
  c = c * t - 0.5;
  c = c * t + 1;
  if ((eighth & 1) != 0) {
    // A further eighth: cos and sin of it are both sqrt(1/2).
    const double turned = (c - s) * 0.7071067811865476;
    s = (c + s) * 0.7071067811865476;
    c = turned;
  }
  switch ((eighth >> 1) & 3) {
    case 1: return {-s, c};
    case 2: return {-c, -s};
    case 3: return {s, -c};
    default: return {c, s};
  }
}

// Standard normal by Box-Muller on words (0, 1) and (2, 3) of each counter; places as for uniform.
Status normal(Args& args) {
  float* y = args.ptr<float>(0);
  const int64_t size = args.size(1);
  const uint32_t k0 = args.word(2), k1 = args.word(3), s0 = args.word(4), s1 = args.word(5);
  parallel_for((size + 3) / 4, 1024, [=](int64_t begin, int64_t end, int) {
    for (int64_t b = begin; b < end; ++b) {
      const Words r = philox(k0, k1, {{static_cast<uint32_t>(b), static_cast<uint32_t>(b >> 32), s0, s1}});
      float four[4];
      for (int i = 0; i < 4; i += 2) {
        const double radius = __builtin_sqrt(-2 * log_unit((r.w[i] >> 8) + 1));
        const Point p = circle(r.w[i + 1] >> 8);
        four[i] = static_cast<float>(radius * p.cos);
        four[i + 1] = static_cast<float>(radius * p.sin);
      }
      for (int64_t i = 4 * b; i < 4 * b + 4 && i < size; ++i) y[i] = four[i - 4 * b];
    }
  });
  return Status::ok;
}

// Column c of row n is dropped where word c % 4 of counter (c / 4, stream, the row's two keys) is below p; the others are
// divided by 1 - p. args: 0 x, 1 y, 2 rows, 3 width, 4 p, 5 seed, 6 its high word, 7 stream, 8 keys of rows (rows, 2)
Status dropout(Args& args) {
  const float* x = args.ptr<float>(0);
  float* y = args.ptr<float>(1);
  const int64_t width = args.size(3);
  const double p = args.real(4);
  const double keep = 1 / (1 - p);
  const uint32_t k0 = args.word(5), k1 = args.word(6), stream = args.word(7);
  const int32_t* keys = args.ptr<int32_t>(8);
  parallel_for(args.size(2), 4096 / (width + 1) + 1, [=](int64_t begin, int64_t end, int) {
    for (int64_t n = begin; n < end; ++n) {
      const uint32_t sample = static_cast<uint32_t>(keys[2 * n]), position = static_cast<uint32_t>(keys[2 * n + 1]);
      for (int64_t c = 0; c < width; c += 4) {
        const Words r = philox(k0, k1, {{static_cast<uint32_t>(c / 4), stream, sample, position}});
        for (int64_t i = c; i < c + 4 && i < width; ++i) {
          y[n * width + i] = static_cast<double>(unit(r.w[i - c])) < p ? 0.0f : static_cast<float>(x[n * width + i] * keep);
        }
      }
    }
  });
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(random, {"uniform", uniform}, {"normal", normal}, {"dropout", dropout})
