// Elementwise work of a training step on dense float32: activations, gated feed-forwards, rotary positions, sums.
#include "kernels/elements.h"
#include "kernels/pointwise_grad.h"

namespace ts::TS_ISA {
namespace {

// args: 0 x, 1 y, 2 size, 3 act
Status activation(Args& args) {
  const float* x = args.ptr<float>(0);
  float* y = args.ptr<float>(1);
  const Act act = static_cast<Act>(args.integer(3));
  each_parallel(args.size(2), [=](int64_t i, int n) { put(y, i, activate(act, get(x, i, n)), n); });
  return Status::ok;
}

// args: 0 x, 1 gy, 2 gx, 3 size, 4 act
Status activation_grad(Args& args) {
  const float *x = args.ptr<float>(0), *gy = args.ptr<float>(1);
  float* gx = args.ptr<float>(2);
  const Act act = static_cast<Act>(args.integer(4));
  each_parallel(args.size(3), [=](int64_t i, int n) { put(gx, i, pass_back(act, get(gy, i, n), get(x, i, n)), n); });
  return Status::ok;
}

// args: 0 gate, 1 up, 2 y, 3 size, 4 act
Status gated(Args& args) {
  const float *gate = args.ptr<float>(0), *up = args.ptr<float>(1);
  float* y = args.ptr<float>(2);
  const Act act = static_cast<Act>(args.integer(4));
  each_parallel(args.size(3), [=](int64_t i, int n) { put(y, i, activate(act, get(gate, i, n)) * get(up, i, n), n); });
  return Status::ok;
}

// args: 0 gate, 1 up, 2 gy, 3 ggate, 4 gup, 5 size, 6 act
Status gated_grad(Args& args) {
  const float *gate = args.ptr<float>(0), *up = args.ptr<float>(1), *gy = args.ptr<float>(2);
  float *ggate = args.ptr<float>(3), *gup = args.ptr<float>(4);
  const Act act = static_cast<Act>(args.integer(6));
  each_parallel(args.size(5), [=](int64_t i, int n) {
    const vf x = get(gate, i, n), g = get(gy, i, n);
    put(ggate, i, pass_back(act, g * get(up, i, n), x), n);
    put(gup, i, g * activate(act, x), n);
  });
  return Status::ok;
}

// args: 0 x, 1 cos, 2 sin, 3 y, 4 rows, 5 heads, 6 width, 7 half, 8 interleaved, 9 inverse
Status rope(Args& args) {
  const float *x = args.ptr<float>(0), *cosines = args.ptr<float>(1), *sines = args.ptr<float>(2);
  float* y = args.ptr<float>(3);
  const int64_t heads = args.size(5), width = args.size(6), half = args.size(7);
  const bool interleaved = args.flag(8);
  const float sign = args.flag(9) ? -1.0f : 1.0f;
  parallel_for(args.size(4), 16, [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float *c = cosines + r * half, *s = sines + r * half;
      for (int64_t h = 0; h < heads; ++h) {
        const float* from = x + (r * heads + h) * width;
        float* to = y + (r * heads + h) * width;
        if (2 * half < width) std::memcpy(to + 2 * half, from + 2 * half, static_cast<size_t>(width - 2 * half) * 4);
        if (interleaved) {
          for (int64_t i = 0; i < half; ++i) {
            const float a = from[2 * i], b = from[2 * i + 1], sine = sign * s[i];
            to[2 * i] = fma(a, c[i], -(b * sine));
            to[2 * i + 1] = fma(b, c[i], a * sine);
          }
          continue;
        }
        const auto turn = [=](int64_t i, int n) {
          const vf a = get(from, i, n), b = get(from + half, i, n), cosine = get(c, i, n), sine = sign * get(s, i, n);
          put(to, i, fma(a, cosine, -(b * sine)), n);
          put(to + half, i, fma(b, cosine, a * sine), n);
        };
        int64_t i = 0;
        for (; i + kLanes <= half; i += kLanes) turn(i, kLanes);
        if (i < half) turn(i, static_cast<int>(half - i));
      }
    }
  });
  return Status::ok;
}

TS_INLINE vf combine(int fn, vf p, vf q) {
  switch (fn) {
    case 0: return p + q;
    case 1: return p - q;
    case 2: return p * q;
    case 3: return p / q;
    default: return extreme(fn == 4, p, q);
  }
}

// b is as long as a, one value, or one row of `period` values for every row of a.
// args: 0 a, 1 b, 2 y, 3 size, 4 fn (0 add, 1 sub, 2 mul, 3 div, 4 max, 5 min), 5 length of b; 0: as long as a
Status binary(Args& args) {
  const float *a = args.ptr<float>(0), *b = args.ptr<float>(1);
  float* y = args.ptr<float>(2);
  const int64_t size = args.size(3), period = args.size(5);
  const int fn = args.integer(4);
  if (period == 0 || period == size || period == 1) {
    const bool single = period == 1 && size != 1;
    each_parallel(size, [=](int64_t i, int n) { put(y, i, combine(fn, get(a, i, n), single ? splat(b[0]) : get(b, i, n)), n); });
    return Status::ok;
  }
  parallel_for(size / period, kGrain / period + 1, [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      each(period, [=](int64_t i, int n) { put(y, r * period + i, combine(fn, get(a, r * period + i, n), get(b, i, n)), n); });
    }
  });
  return Status::ok;
}

// Between float32, bfloat16 and float16, to nearest even. args: 0 x, 1 y, 2 size, 3 dtype of x, 4 of y
Status cast(Args& args) {
  const void* x = args.ptr<void>(0);
  void* y = args.ptr<void>(1);
  const DType from = args.dtype(3), to = args.dtype(4);
  if (args.integer(3) > 2 || args.integer(4) > 2) return fail(Status::dtype, "[cast] expected float dtypes");
  each_parallel(args.size(2), [=](int64_t i, int n) { write_float(y, to, i, read_float(x, from, i, n), n); });
  return Status::ok;
}

// args: 0 target, 1 factor, 2 size
Status scale_in_place(Args& args) {
  if (args.size(2) <= 0) return Status::ok;
  float* target = args.ptr<float>(0);
  const float factor = *args.ptr<float>(1);
  each_parallel(args.size(2), [=](int64_t i, int n) { put(target, i, get(target, i, n) * factor, n); });
  return Status::ok;
}

// args: 0 target, 1 source, 2 size
Status add_in_place(Args& args) {
  float* target = args.ptr<float>(0);
  const float* source = args.ptr<float>(1);
  each_parallel(args.size(2), [=](int64_t i, int n) { put(target, i, get(target, i, n) + get(source, i, n), n); });
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(pointwise, {"activation", activation}, {"activation_grad", activation_grad}, {"gated", gated}, {"gated_grad", gated_grad},
           {"rope", rope}, {"binary", binary}, {"cast", cast}, {"scale_in_place", scale_in_place}, {"add_in_place", add_in_place})
