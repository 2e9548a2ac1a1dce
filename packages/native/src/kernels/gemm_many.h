// Products of many rows: A and B are packed in pieces that stay in a cache, and blocks of C shared out among the threads.
#pragma once

#include "core/pool.h"
#include "kernels/gemm_block.h"

namespace ts::TS_ISA {

// Packed A and packed B are made in pieces of at most this many bytes, so that they are read back from the last-level cache.
constexpr int64_t kPieceBytes = int64_t{16} << 20;

// Packed A of at most this many bytes stays in the second-level cache.
constexpr int64_t kNearBytes = int64_t{1} << 20;

// Blocks of columns for each thread, at the least, where each packs its own: with fewer they would not end together.
constexpr int64_t kOwnBlocks = 6;

// Most bytes of packed B that a thread keeps for itself.
constexpr int64_t kOwnBytes = int64_t{4} << 20;

// Longest k of one go over the panels: a longer one would make pieces of few rows and columns, which are packed over and
// over and give the threads nothing to share. A multiple of every block of the sum.
constexpr int64_t kGoK = 8192;

// Columns of a task: fewer where there would be too few tasks for the threads to end together. Tiles are sooner done with a panel of A
// than vectors, and each task reads its own.
template <class T>
int64_t task_columns(int64_t task_rows, int64_t n) {
  constexpr int64_t kTasks = T::step > 1 ? 6 : 16;  // for each thread, at the least
  int64_t columns = kTaskN;
  while (columns > 2 * kTileN && task_rows * ceil_div(n, columns) < kTasks * threads()) columns /= 2;
  return columns;
}

// Columns that a thread packs and multiplies at once, or 0 if there are too few for the threads to end together. Packed A is
// read once for each such block: it has to stay in the last-level cache, and in the second-level one if the blocks are narrow.
template <class T>
int64_t own_columns(const Product& p) {
  const int64_t a_bytes = packed_a_bytes<T>(p.m, p.k);
  if (p.packed_b != nullptr || a_bytes > kPieceBytes) return 0;
  const int64_t least = a_bytes <= kNearBytes ? 2 * kTileN : kTaskN;
  for (int64_t columns = kTaskN; columns >= least; columns /= 2)
    if (ceil_div(p.n, columns) >= kOwnBlocks * threads() && packed_bytes<T>(columns, p.k) <= kOwnBytes) return columns;
  return 0;
}

// Each thread packs the columns that it multiplies: they are in its own cache then, and nobody waits for another's.
template <class T>
Status multiply_columns(const Product& p, int64_t columns) {
  using Word = typename T::Word;
  const int64_t words = words_of<T>(p.k);
  const int64_t a_bytes = packed_a_bytes<T>(p.m, p.k), b_bytes = packed_bytes<T>(columns, p.k);
  const int64_t per_thread = b_bytes + thread_sums_bytes(p, kTaskM<T>);
  Scratch scratch(static_cast<size_t>(a_bytes + per_thread * threads()));
  if (!scratch) return fail(Status::out_of_memory, "[matmul] no memory for %lld packed bytes", static_cast<long long>(a_bytes + b_bytes));
  const Word* const a = scratch.as<Word>();
  parallel_for(ceil_div(p.m, T::a_rows), 1, [&](int64_t begin, int64_t end, int) {
    pack_a_panels<T>(p.a, p.m, p.k, begin, end, scratch.as<void>());
  });
  parallel_for(p.n, columns, [&](int64_t begin, int64_t end, int slot) {
    char* const own = scratch.as<char>(static_cast<size_t>(a_bytes + per_thread * slot));
    for (int64_t j = begin; j < end; j += columns) {
      const int64_t n = min64(columns, end - j);
      make_b_panels<T>(p, j, n, 0, p.k, 0, ceil_div(n, kTileN), own);
      for (int64_t i = 0; i < p.m; i += kTaskM<T>)
        block_from_panels<T>(p, a + i * words * T::a_words, own, i, j, min64(kTaskM<T>, p.m - i), n, own + b_bytes);
    }
  });
  return Status::ok;
}

template <class T>
Status multiply_pieces(const Product& p) {
  const int64_t words = words_of<T>(p.k);
  const int64_t a_row_bytes = words * T::a_words * 4, b_col_bytes = words * 4;
  const int64_t piece_m = min64(p.m, ceil_div(kPieceBytes / a_row_bytes + 1, kTaskM<T>) * kTaskM<T>);
  const int64_t piece_n = min64(p.n, ceil_div(kPieceBytes / b_col_bytes + 1, kTaskN) * kTaskN);
  const int64_t a_bytes = packed_a_bytes<T>(piece_m, p.k);
  const int64_t b_bytes = p.packed_b == nullptr ? packed_bytes<T>(piece_n, p.k) : 0;
  const int64_t per_thread = thread_sums_bytes(p, kTaskM<T>);
  Scratch scratch(static_cast<size_t>(a_bytes + b_bytes + per_thread * threads()));
  if (!scratch) return fail(Status::out_of_memory, "[matmul] no memory for %lld packed bytes", static_cast<long long>(a_bytes + b_bytes));
  void* const packed_a = scratch.as<void>();
  void* const packed_b = scratch.as<void>(static_cast<size_t>(a_bytes));
  for (int64_t i0 = 0; i0 < p.m; i0 += piece_m) {
    const int64_t m = min64(piece_m, p.m - i0);
    const int64_t a_panels = ceil_div(m, T::a_rows);
    const Matrix a = rows(p.a, i0);
    for (int64_t j0 = 0; j0 < p.n; j0 += piece_n) {
      const int64_t n = min64(piece_n, p.n - j0);
      const bool pack_a_now = j0 == 0;
      const bool pack_b_now = p.packed_b == nullptr && (i0 == 0 || piece_n < p.n);
      const int64_t from_a = pack_a_now ? a_panels : 0;
      const int64_t from_b = pack_b_now ? ceil_div(n, kTileN) : 0;
      parallel_for(from_a + from_b, 1, [&](int64_t begin, int64_t end, int) {
        if (begin < from_a) pack_a_panels<T>(a, m, p.k, begin, min64(end, from_a), packed_a);
        if (end > from_a) make_b_panels<T>(p, j0, n, 0, p.k, begin < from_a ? 0 : begin - from_a, end - from_a, packed_b);
      });
      const void* bp = p.packed_b == nullptr ? packed_b : static_cast<const typename T::Word*>(p.packed_b) + j0 * words;
      const int64_t task_rows = ceil_div(m, kTaskM<T>), task_n = task_columns<T>(task_rows, n);
      parallel_for(task_rows * ceil_div(n, task_n), 1, [&](int64_t begin, int64_t end, int slot) {
        for (int64_t task = begin; task < end; ++task) {
          const int64_t i = task % task_rows * kTaskM<T>, j = task / task_rows * task_n;
          block_from_panels<T>(p, static_cast<const typename T::Word*>(packed_a) + i * words * T::a_words,
                               static_cast<const typename T::Word*>(bp) + j * words, i0 + i, j0 + j, min64(kTaskM<T>, m - i),
                               min64(task_n, n - j), scratch.as<char>(static_cast<size_t>(a_bytes + b_bytes + per_thread * slot)));
        }
      });
    }
  }
  return Status::ok;
}

template <class T>
Status multiply_go(const Product& p) {
  const int64_t columns = own_columns<T>(p);
  return columns > 0 ? multiply_columns<T>(p, columns) : multiply_pieces<T>(p);
}

template <class T>
Status multiply_many_rows(const Product& p) {
  static_assert(kGoK % (T::block / T::step * T::places) == 0);
  // Sums go on in C, so it has to hold them whole.
  const bool split = p.k > kGoK && p.out == DType::float32 && p.packed_b == nullptr && p.source == nullptr;
  if (!split) return multiply_go<T>(p);
  for (int64_t k0 = 0; k0 < p.k; k0 += kGoK) {
    Product part = p;
    part.k = min64(kGoK, p.k - k0);
    part.a = columns(p.a, k0);
    part.b = rows(p.b, k0);
    part.accumulate = p.accumulate || k0 > 0;
    if (k0 + part.k < p.k) part.bias = nullptr, part.after = {};
    if (const Status status = multiply_go<T>(part); status != Status::ok) return status;
  }
  return Status::ok;
}

}  // namespace ts::TS_ISA
