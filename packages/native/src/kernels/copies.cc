// Copies of parts: windows of an axis, rows of a cache; and the place of the largest value of a row.
#include "core/kernel.h"
#include "core/pool.h"
#include "rows.h"

namespace ts::TS_ISA {
namespace {

// About as many bytes are worth another thread.
constexpr int64_t kGrainBytes = 1 << 16;
int64_t grain_of(int64_t bytes) { return kGrainBytes / (bytes + 1) + 1; }

// `runs` runs of `bytes` each, at strides of their own: a slice of an axis, or its place in a larger array.
// args: 0 x, 1 y, 2 runs, 3 bytes, 4 stride of x in bytes, 5 of y
Status copy_runs(Args& args) {
  const char* x = args.ptr<const char>(0);
  char* y = args.ptr<char>(1);
  const int64_t bytes = args.size(3), from = args.size(4), to = args.size(5);
  if (bytes == 0) return Status::ok;
  parallel_for(args.size(2), grain_of(bytes), [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) std::memcpy(y + r * to, x + r * from, static_cast<size_t>(bytes));
  });
  return Status::ok;
}

template <class To, class From, class Convert>
void write_rows_as(Args& args, const Convert& convert) {
  To* target = args.ptr<To>(0);
  const int32_t* rows = args.ptr<const int32_t>(1);
  const From* source = args.ptr<const From>(2);
  const int64_t width = args.size(4);
  // Rows may repeat, and the last one stays: threads split the columns.
  parallel_for((width + 63) / 64, grain_of(args.size(3) * 64 * static_cast<int64_t>(sizeof(From))), [=, count = args.size(3)](int64_t begin, int64_t end, int) {
    const int64_t stop = end * 64 < width ? end * 64 : width;
    for (int64_t r = 0; r < count; ++r) convert(target + rows[r] * width, source + r * width, begin * 64, stop);
  });
}

// Row rows[i] of target becomes row i of source, in target's dtype: equal dtypes, or from float32 to bfloat16.
// args: 0 target, 1 rows int32, 2 source, 3 count, 4 width, 5 dtype of source, 6 of target, 7 rows of target
Status write_rows(Args& args) {
  const int32_t* rows = args.ptr<const int32_t>(1);
  for (int64_t i = 0; i < args.size(3); ++i) {
    if (rows[i] < 0 || rows[i] >= args.size(7))
      return fail(Status::index_out_of_range, "[writeRowsInPlace] expected rows from 0 to %lld, got %d", static_cast<long long>(args.size(7) - 1), rows[i]);
  }
  const DType from = args.dtype(5), to = args.dtype(6);
  const auto copy = [](auto* y, const auto* x, int64_t begin, int64_t end) {
    std::memcpy(y + begin, x + begin, static_cast<size_t>(end - begin) * sizeof *x);
  };
  if (from == to && dtype_bytes(to) == 4) {
    write_rows_as<uint32_t, uint32_t>(args, copy);
  } else if (from == to && dtype_bytes(to) == 2) {
    write_rows_as<uint16_t, uint16_t>(args, copy);
  } else if (from == DType::float32 && to == DType::bfloat16) {
    write_rows_as<uint16_t, float>(args, [](uint16_t* y, const float* x, int64_t begin, int64_t end) {
      int64_t i = begin;
      for (; i + kLanes <= end; i += kLanes) store_words(y + i, to_bf16(load(x + i)));
      if (i < end) store_words_n(y + i, to_bf16(load_n(x + i, static_cast<int>(end - i))), static_cast<int>(end - i));
    });
  } else {
    return fail(Status::dtype, "[writeRowsInPlace] expected equal dtypes, or float32 into bfloat16");
  }
  return Status::ok;
}

// First place of the row's largest value, or of its first NaN. args: 0 x, 1 y int32, 2 rows, 3 width, 4 smallest instead
Status arg_max(Args& args) {
  const float* x = args.ptr<const float>(0);
  int32_t* y = args.ptr<int32_t>(1);
  const int64_t width = args.size(3);
  const float sign = args.flag(4) ? -1.0f : 1.0f;
  parallel_for(args.size(2), grain_of(width * 4), [=](int64_t begin, int64_t end, int) {
    for (int64_t r = begin; r < end; ++r) {
      const float* row = x + r * width;
      // Each lane keeps its own first largest; vectors compare with > so that an equal, later one does not replace it.
      vf most = splat(-__builtin_inff());
      vi place = splat_i(-1), nan = splat_i(0);
      const vi lanes = lane_numbers();
      int64_t i = 0;
      for (; i + kLanes <= width; i += kLanes) {
        const vf v = load(row + i) * sign;
        const vi larger = v > most;
        most = select(larger, v, most);
        place = larger ? lanes + static_cast<int32_t>(i) : place;
        nan |= v != v;
      }
      bool any = false;
      for (int lane = 0; lane < kLanes; ++lane) any = any || nan[lane] != 0;
      float best = -__builtin_inff();
      int32_t at = -1;
      for (int lane = 0; lane < kLanes; ++lane) {
        if (place[lane] >= 0 && (most[lane] > best || (most[lane] == best && (at < 0 || place[lane] < at)))) {
          best = most[lane];
          at = place[lane];
        }
      }
      for (; i < width; ++i) {
        const float v = row[i] * sign;
        any = any || v != v;
        if (v > best) {
          best = v;
          at = static_cast<int32_t>(i);
        }
      }
      if (any) {
        at = 0;
        while (row[at] == row[at]) ++at;
      }
      y[r] = at < 0 ? 0 : at;
    }
  });
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(copies, {"copy_runs", copy_runs}, {"write_rows", write_rows}, {"arg_max", arg_max})
