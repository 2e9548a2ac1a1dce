// Rows of two-dimensional arrays: summed, and read, written and added to by their numbers.
#include <cstring>

#include "kernels/elements.h"

namespace ts::TS_ISA {
namespace {

// Sums over the first axis, rows in order. args: 0 x, 1 y, 2 rows, 3 width
Status sum_rows(Args& args) {
  sum_columns(args.ptr<float>(0), args.size(2), args.size(3), args.ptr<float>(1));
  return Status::ok;
}

// Rows of a table. args: 0 table, 1 ids, 2 y, 3 count, 4 row bytes, 5 rows of the table
Status take_rows(Args& args) {
  const char* table = args.ptr<char>(0);
  const int32_t* ids = args.ptr<int32_t>(1);
  char* y = args.ptr<char>(2);
  const int64_t count = args.size(3), bytes = args.size(4), rows = args.size(5);
  if (const Status status = check_indices("indexSelect", ids, count, rows); status != Status::ok) return status;
  if (bytes <= 0) return Status::ok;
  parallel_for(count, 64, [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) std::memcpy(y + i * bytes, table + ids[i] * bytes, static_cast<size_t>(bytes));
  });
  return Status::ok;
}

// Rows of source (count, width) to rows ids[i] of target, converted between float dtypes; of equal ids the last stays.
// args: 0 target, 1 ids, 2 source, 3 count, 4 width, 5 rows of target, 6 dtype of target, 7 of source
Status write_rows(Args& args) {
  char* target = args.ptr<char>(0);
  const int32_t* ids = args.ptr<int32_t>(1);
  const char* source = args.ptr<char>(2);
  const int64_t count = args.size(3), width = args.size(4), rows = args.size(5);
  const DType to = args.dtype(6), from = args.dtype(7);
  if (args.integer(6) > 2 || args.integer(7) > 2) return fail(Status::dtype, "[writeRowsInPlace] expected float dtypes");
  if (const Status status = check_indices("writeRowsInPlace", ids, count, rows); status != Status::ok) return status;
  const int64_t to_bytes = width * static_cast<int64_t>(dtype_bytes(to)), from_bytes = width * static_cast<int64_t>(dtype_bytes(from));
  // Columns are shared out, in vectors: rows may meet.
  const int64_t vectors = (width + kLanes - 1) / kLanes;
  parallel_for(vectors, kGrain / (kLanes * (count + 1)) + 1, [=](int64_t begin, int64_t end, int) {
    const int64_t stop = end * kLanes < width ? end * kLanes : width;
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t i = begin * kLanes; i < stop; i += kLanes) {
        const int n = static_cast<int>(stop - i < kLanes ? stop - i : kLanes);
        write_float(target + ids[r] * to_bytes, to, i, read_float(source + r * from_bytes, from, i, n), n);
      }
    }
  });
  return Status::ok;
}

// Row ids[i] of y += row i of x, in order; threads split the columns. args: 0 x, 1 ids, 2 y, 3 count, 4 width, 5 rows of y
Status add_rows(Args& args) {
  const float* x = args.ptr<float>(0);
  const int32_t* ids = args.ptr<int32_t>(1);
  float* y = args.ptr<float>(2);
  const int64_t count = args.size(3), width = args.size(4), rows = args.size(5);
  if (const Status status = check_indices("indexAdd", ids, count, rows); status != Status::ok) return status;
  parallel_for((width + 63) / 64, 1, [=](int64_t begin, int64_t end, int) {
    const int64_t stop = end * 64 < width ? end * 64 : width;
    for (int64_t r = 0; r < count; ++r) {
      const float* from = x + r * width;
      float* to = y + ids[r] * width;
      int64_t i = begin * 64;
      for (; i + kLanes <= stop; i += kLanes) store(to + i, load(to + i) + load(from + i));
      if (i < stop) store_n(to + i, load_n(to + i, static_cast<int>(stop - i)) + load_n(from + i, static_cast<int>(stop - i)), static_cast<int>(stop - i));
    }
  });
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(row_tables, {"sum_rows", sum_rows}, {"take_rows", take_rows}, {"write_rows", write_rows}, {"add_rows", add_rows})
