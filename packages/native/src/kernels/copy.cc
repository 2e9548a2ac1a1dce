// Moving elements between strided places: transposes, slices, broadcasts, joins; and filling memory. Bits pass unchanged.
#include <cstring>

#include "core/kernel.h"
#include "core/pool.h"
#include "simd.h"

namespace ts::TS_ISA {
namespace {

// Elements that are worth another thread.
constexpr int64_t kWork = 1 << 14;

// Side of the square blocks of a transpose: rows of both sides' blocks stay in the first-level cache.
constexpr int64_t kBlock = 32;

struct Axis {
  int64_t n, x, y;  // extent, and how far a step goes in each array, in elements
};

constexpr int kMaxAxes = 32;

struct Lattice {
  Axis axes[kMaxAxes];
  int count = 0;
  int64_t size() const {
    int64_t total = 1;
    for (int i = 0; i < count; ++i) total *= axes[i].n;
    return total;
  }
  void drop(int axis) {
    for (int i = axis; i + 1 < count; ++i) axes[i] = axes[i + 1];
    --count;
  }
  // Where a row-major index lies.
  void place(int64_t index, int64_t& x, int64_t& y) const {
    x = y = 0;
    for (int i = count - 1; i >= 0; --i) {
      const int64_t at = index % axes[i].n;
      index /= axes[i].n;
      x += at * axes[i].x;
      y += at * axes[i].y;
    }
  }
};

template <class W>
void copy_as(const W* x, W* y, Lattice outer) {
  Axis inner{1, 1, 1}, across{1, 0, 0};
  if (outer.count > 0) {
    inner = outer.axes[outer.count - 1];
    outer.drop(outer.count - 1);
  }
  if (inner.x != 1) {
    // Another axis runs along x: blocks of the two let both sides use whole cache lines.
    for (int i = outer.count - 1; i >= 0; --i) {
      if (outer.axes[i].x != 1) continue;
      across = outer.axes[i];
      outer.drop(i);
      break;
    }
  }
  const int64_t rows = (across.n + kBlock - 1) / kBlock;
  const int64_t work = inner.n * (across.n < kBlock ? across.n : kBlock);
  parallel_for(outer.size() * rows, kWork / (work + 1) + 1, [=](int64_t begin, int64_t end, int) {
    for (int64_t task = begin; task < end; ++task) {
      int64_t at_x, at_y;
      outer.place(task / rows, at_x, at_y);
      const int64_t first = task % rows * kBlock, last = first + kBlock < across.n ? first + kBlock : across.n;
      if (inner.x == 1 && inner.y == 1) {
        std::memcpy(y + at_y, x + at_x, static_cast<size_t>(inner.n) * sizeof(W));
        continue;
      }
      for (int64_t from = 0; from < inner.n; from += kBlock) {
        const int64_t to = from + kBlock < inner.n ? from + kBlock : inner.n;
        for (int64_t a = first; a < last; ++a) {
          const W* source = x + at_x + a * across.x;
          W* target = y + at_y + a * across.y;
          for (int64_t i = from; i < to; ++i) target[i * inner.y] = source[i * inner.x];
        }
      }
    }
  });
}

// args: 0 x, 1 y, each at its first element, 2 bytes of an element (1, 2 or 4), 3 axes, then for each its extent and the steps
// in x and y in elements, which may be 0 (x) or negative
Status strided_copy(Args& args) {
  Lattice lattice;
  const int64_t axes = args.size(3);
  if (axes < 0 || axes > kMaxAxes) return fail(Status::value, "[copy] expected at most %d axes, got %lld", kMaxAxes, static_cast<long long>(axes));
  lattice.count = static_cast<int>(axes);
  for (int i = 0; i < lattice.count; ++i) lattice.axes[i] = {args.size(4 + 3 * i), args.size(5 + 3 * i), args.size(6 + 3 * i)};
  if (lattice.size() <= 0) return Status::ok;
  switch (args.integer(2)) {
    case 1: copy_as(args.ptr<uint8_t>(0), args.ptr<uint8_t>(1), lattice); return Status::ok;
    case 2: copy_as(args.ptr<uint16_t>(0), args.ptr<uint16_t>(1), lattice); return Status::ok;
    case 4: copy_as(args.ptr<uint32_t>(0), args.ptr<uint32_t>(1), lattice); return Status::ok;
    default: return fail(Status::value, "[copy] expected elements of 1, 2 or 4 bytes, got %d", args.integer(2));
  }
}

template <class W>
void fill_as(W* y, int64_t size, W value) {
  parallel_for((size + kWork - 1) / kWork, 4, [=](int64_t begin, int64_t end, int) {
    const int64_t stop = end * kWork < size ? end * kWork : size;
    for (int64_t i = begin * kWork; i < stop; ++i) y[i] = value;
  });
}

// args: 0 y, 1 bytes of an element, 2 size, 3 its bits as a number
Status fill(Args& args) {
  const uint32_t value = args.word(3);
  switch (args.integer(1)) {
    case 1: fill_as(args.ptr<uint8_t>(0), args.size(2), static_cast<uint8_t>(value)); return Status::ok;
    case 2: fill_as(args.ptr<uint16_t>(0), args.size(2), static_cast<uint16_t>(value)); return Status::ok;
    case 4: fill_as(args.ptr<uint32_t>(0), args.size(2), value); return Status::ok;
    default: return fail(Status::value, "[fill] expected elements of 1, 2 or 4 bytes, got %d", args.integer(1));
  }
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(copy, {"strided_copy", strided_copy}, {"fill", fill})
