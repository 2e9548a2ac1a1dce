// Order statistics of rows, and look-ups by an index of the same rank.
#include <cstring>

#include "core/memory.h"
#include "kernels/elements.h"

namespace ts::TS_ISA {
namespace {

// Up to this k the best are kept by insertion; above it a whole sort costs less.
constexpr int64_t kInsertion = 64;

// An unsigned number that ascends with the value: NaN last and all alike, zeros of both signs alike.
TS_INLINE uint32_t key_of(uint32_t word, bool is_float) {
  if (!is_float) return word ^ 0x80000000u;
  if ((word & 0x7fffffffu) > 0x7f800000u) return 0xffffffffu;
  if (word == 0x80000000u) word = 0;
  return (word & 0x80000000u) != 0 ? ~word : word | 0x80000000u;
}

struct Entry {
  uint32_t key;
  int32_t place;
};

// Stable, by ascending key: four passes over the bytes of the keys. The result is in `entries`.
void sort_entries(Entry* entries, Entry* spare, int64_t n) {
  if (n <= 32) {
    for (int64_t i = 1; i < n; ++i) {
      const Entry entry = entries[i];
      int64_t at = i;
      for (; at > 0 && entries[at - 1].key > entry.key; --at) entries[at] = entries[at - 1];
      entries[at] = entry;
    }
    return;
  }
  Entry *from = entries, *to = spare;
  for (int shift = 0; shift < 32; shift += 8) {
    int64_t first[257] = {};
    for (int64_t i = 0; i < n; ++i) ++first[((from[i].key >> shift) & 255u) + 1];
    for (int b = 0; b < 256; ++b) first[b + 1] += first[b];
    for (int64_t i = 0; i < n; ++i) to[first[(from[i].key >> shift) & 255u]++] = from[i];
    Entry* const other = from;
    from = to;
    to = other;
  }
}

// The k first of `row` in the order of the keys, by insertion.
int64_t best_of(const uint32_t* row, int64_t n, int64_t k, bool is_float, uint32_t flip, Entry* best) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t key = key_of(row[i], is_float) ^ flip;
    if (count == k && (k == 0 || key >= best[k - 1].key)) continue;
    int64_t at = count < k ? count++ : k - 1;
    for (; at > 0 && key < best[at - 1].key; --at) best[at] = best[at - 1];
    best[at] = {key, static_cast<int32_t>(i)};
  }
  return count;
}

// The k first of each row in order, ties by place. NaN counts as largest.
// args: 0 x (rows, n) float32 or int32, 1 values (rows, k), 2 places (rows, k) int32, 3 rows, 4 n, 5 k <= n, 6 descending, 7 dtype
Status order_rows(Args& args) {
  const uint32_t* x = args.ptr<uint32_t>(0);
  uint32_t* values = args.ptr<uint32_t>(1);
  int32_t* places = args.ptr<int32_t>(2);
  const int64_t rows = args.size(3), n = args.size(4), k = args.size(5);
  const DType dtype = args.dtype(7);
  if (k < 0 || k > n) return fail(Status::value, "[topk] expected k from 0 to %lld, got %lld", static_cast<long long>(n), static_cast<long long>(k));
  if (dtype != DType::float32 && dtype != DType::int32) return fail(Status::dtype, "[sort] expected float32 or int32");
  const bool is_float = dtype == DType::float32, few = k <= kInsertion && k < n;
  const uint32_t flip = args.flag(6) ? 0xffffffffu : 0u;
  const int64_t own = few ? kInsertion : 2 * n;
  const Scratch scratch(static_cast<size_t>(own * threads()) * sizeof(Entry));
  if (!scratch) return fail(Status::out_of_memory, "[sort] no memory for %lld elements", static_cast<long long>(n));
  parallel_for(rows, grain_of(4 * n), [=, &scratch](int64_t begin, int64_t end, int slot) {
    Entry* entries = scratch.as<Entry>() + own * slot;
    for (int64_t r = begin; r < end; ++r) {
      const uint32_t* row = x + r * n;
      if (few) {
        best_of(row, n, k, is_float, flip, entries);
      } else {
        for (int64_t i = 0; i < n; ++i) entries[i] = {key_of(row[i], is_float) ^ flip, static_cast<int32_t>(i)};
        sort_entries(entries, entries + n, n);
      }
      for (int64_t i = 0; i < k; ++i) {
        values[r * k + i] = row[entries[i].place];
        places[r * k + i] = entries[i].place;
      }
    }
  });
  return Status::ok;
}

constexpr int kMaxAxes = 32;

// An index of small extents into a larger array: element i of the index belongs to the place of i's coordinates, with the
// coordinate along `axis` replaced by the index's value.
struct LookUp {
  const int32_t* index;
  int axis, axes;
  int64_t extent, n[kMaxAxes], steps[kMaxAxes];

  // from `at` on: axes, axis, extent of the large array along it, then for each axis the index's extent and the large array's step
  LookUp(const Args& a, const int32_t* index, int at) : index(index), axis(a.integer(at + 1)), axes(a.integer(at)), extent(a.size(at + 2)) {
    for (int i = 0; i < axes && i < kMaxAxes; ++i) {
      n[i] = a.size(at + 3 + 2 * i);
      steps[i] = a.size(at + 4 + 2 * i);
    }
  }
  int64_t product(int from, int to) const {
    int64_t total = 1;
    for (int i = from; i < to; ++i) total *= n[i];
    return total;
  }
  Status check(const char* op) const {
    if (axes < 1 || axes > kMaxAxes || axis < 0 || axis >= axes) return fail(Status::value, "[%s] expected 1 to %d axes", op, kMaxAxes);
    return check_indices(op, index, product(0, axes), extent);
  }
  // visit(place in index, place in the large array) for [begin, end) of the index, in order.
  template <class F>
  void each(int64_t begin, int64_t end, const F& visit) const {
    int64_t at[kMaxAxes], rest = begin;
    for (int i = axes - 1; i >= 0; --i) {
      at[i] = rest % n[i];
      rest /= n[i];
    }
    for (int64_t p = begin; p < end; ++p) {
      int64_t place = index[p] * steps[axis];
      for (int i = 0; i < axes; ++i) place += i == axis ? 0 : at[i] * steps[i];
      visit(p, place);
      for (int i = axes - 1; i >= 0 && ++at[i] == n[i]; --i) at[i] = 0;
    }
  }
};

template <class W>
void gather_as(const LookUp& look_up, const W* x, W* y) {
  parallel_for(look_up.product(0, look_up.axes), kGrain / 4, [&](int64_t begin, int64_t end, int) {
    look_up.each(begin, end, [=](int64_t small, int64_t large) { y[small] = x[large]; });
  });
}

// args: 0 x, 1 index, 2 y like index, 3 bytes of an element, then LookUp's from 4
Status gather(Args& args) {
  const LookUp look_up(args, args.ptr<int32_t>(1), 4);
  const Status status = look_up.check("gather");
  if (status != Status::ok) return status;
  switch (args.integer(3)) {
    case 1: gather_as(look_up, args.ptr<uint8_t>(0), args.ptr<uint8_t>(2)); return Status::ok;
    case 2: gather_as(look_up, args.ptr<uint16_t>(0), args.ptr<uint16_t>(2)); return Status::ok;
    case 4: gather_as(look_up, args.ptr<uint32_t>(0), args.ptr<uint32_t>(2)); return Status::ok;
    default: return fail(Status::value, "[gather] expected elements of 1, 2 or 4 bytes, got %d", args.integer(3));
  }
}

// y = 0, then src added at its places, in order. Entries before the axis own places of their own: threads share those.
// args: 0 src, 1 index, 2 y, 3 size of y, then LookUp's from 4
Status scatter_add(Args& args) {
  const LookUp look_up(args, args.ptr<int32_t>(1), 4);
  const Status status = look_up.check("scatterAdd");
  if (status != Status::ok) return status;
  const float* src = args.ptr<float>(0);
  float* y = args.ptr<float>(2);
  if (args.size(3) > 0) std::memset(y, 0, static_cast<size_t>(args.size(3)) * 4);
  const int64_t own = look_up.product(look_up.axis, look_up.axes);
  if (own == 0) return Status::ok;
  parallel_for(look_up.product(0, look_up.axis), grain_of(4 * own), [&](int64_t begin, int64_t end, int) {
    look_up.each(begin * own, end * own, [=](int64_t small, int64_t large) { y[large] += src[small]; });
  });
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(select, {"order_rows", order_rows}, {"gather", gather}, {"scatter_add", scatter_add})
