// Random numbers: Philox 4x32-10 (Salmon et al. 2011), a pure function of key and counter.
#include <cmath>

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

// True where a result of the last bits' doubt in double could round to the other float32: within 64 units of the middle
// between two of them. Functions of two math libraries differ by a few units at most.
TS_INLINE bool doubtful(double value) {
  const int64_t low = static_cast<int64_t>(bits<uint64_t>(value) & 0x1fffffffu) - 0x10000000;
  return low >= -64 && low <= 64;
}

// Places of doubtful normals that fit in the record, from place 7.
constexpr int64_t kDoubts = 4000;

// Box-Muller on words (0, 1) and (2, 3): see the reference kernel, whose bits these are but for doubtful places, which the
// caller works out again. args: 0 y, 1 size, 2 seed, 3 its high word, 4 stream, 5 its high word; results in 6: their number
// (beyond kDoubts only counted), and from 7 on the places
Status normal(Args& args) {
  float* y = args.ptr<float>(0);
  const int64_t size = args.size(1);
  const uint32_t k0 = args.word(2), k1 = args.word(3), s0 = args.word(4), s1 = args.word(5);
  int64_t doubts = 0;
  parallel_for((size + 3) / 4, 512, [&](int64_t begin, int64_t end, int) {
    for (int64_t b = begin; b < end; ++b) {
      const Words r = philox(k0, k1, {{static_cast<uint32_t>(b), static_cast<uint32_t>(b >> 32), s0, s1}});
      double four[4];
      for (int j = 0; j < 4; j += 2) {
        const double radius = std::sqrt(-2 * std::log(static_cast<double>(unit(r.w[j])) + 0x1p-24));
        const double angle = 2 * 3.141592653589793 * static_cast<double>(unit(r.w[j + 1]));
        four[j] = radius * std::cos(angle);
        four[j + 1] = radius * std::sin(angle);
      }
      for (int64_t i = 4 * b; i < 4 * b + 4 && i < size; ++i) {
        const double value = four[i - 4 * b];
        y[i] = static_cast<float>(value);
        if (!doubtful(value)) continue;
        const int64_t at = __atomic_fetch_add(&doubts, 1, __ATOMIC_RELAXED);
        if (at < kDoubts) args.set(7 + static_cast<int>(at), static_cast<double>(i));
      }
    }
  });
  args.set(6, static_cast<double>(doubts));
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
