// isa: avx512vnni avx512bf16 amx
// Matrix products: the drivers over packed panels, and the kernels matmul and linear.
#include "gemm.h"

#include "core/packed.h"
#include "core/pool.h"
#include "kernels/gemm_panels.h"
#include "kernels/gemm_row.h"
#include "kernels/gemm_tile.h"

namespace ts::TS_ISA {
namespace {

// A task's block of C: its part of A (rows x kBlockK) and of C stay in the second-level cache.
template <class T>
constexpr int64_t kTaskM = T::task_panels * T::a_rows;
constexpr int64_t kTaskN = 8 * kTileN;

// Packed A and packed B are made in pieces of at most this many bytes, so that they are read back from the last-level cache.
constexpr int64_t kPieceBytes = int64_t{16} << 20;

// Packed A of at most this many bytes stays in the second-level cache.
constexpr int64_t kNearBytes = int64_t{1} << 20;

// Blocks of columns for each thread, at the least, where each packs its own: with fewer they would not end together.
constexpr int64_t kOwnBlocks = 6;

// Most bytes of packed B that a thread keeps for itself.
constexpr int64_t kOwnBytes = int64_t{4} << 20;

// Up to this many rows B is packed block by block into the scratch of the thread that uses it at once.
constexpr int64_t kFewRows = 4 * kTileM;

// Products with fewer multiply-adds stay on one thread: waking another costs more.
constexpr int64_t kParallelWork = 1 << 16;

constexpr int64_t align64(int64_t bytes) { return (bytes + 63) / 64 * 64; }

template <class T>
int64_t packed_a_bytes(int64_t m, int64_t k) {
  return align64(ceil_div(m, T::a_rows) * T::a_rows * words_of<T>(k) * T::a_words * 4);
}
template <class T>
int64_t packed_bytes(int64_t n, int64_t k) {
  return align64(ceil_div(n, kTileN) * kTileN * words_of<T>(k) * 4);
}

// Where a block of C is summed: the result itself if it is float32, else a float32 scratch that finish() converts.
struct Sums {
  float* data;
  int64_t ld;
};

Sums sums_of(const Product& p, int64_t i, int64_t j, int64_t cols, void* scratch) {
  if (p.out == DType::float32) return {static_cast<float*>(p.c) + i * p.ldc + j, p.ldc};
  return {static_cast<float*>(scratch), ceil_div(cols, kLanes) * kLanes};
}

void finish(const Product& p, const Sums& sums, int64_t i, int64_t j, int64_t m, int64_t n) {
  p.after.apply(sums.data, sums.ld, i, j, m, n);
  if (p.out == DType::float32) return;
  for (int64_t r = 0; r < m; ++r) {
    uint16_t* out = static_cast<uint16_t*>(p.c) + (i + r) * p.ldc + j;
    const float* from = sums.data + r * sums.ld;
    const auto narrow = [&](vf x) { return p.out == DType::bfloat16 ? to_bf16(x) : to_f16(x); };
    int64_t c = 0;
    for (; c + kLanes <= n; c += kLanes) store_words(out + c, narrow(load(from + c)));
    if (c < n) store_words_n(out + c, narrow(load_n(from + c, static_cast<int>(n - c))), static_cast<int>(n - c));
  }
}

void fill_without_k(const Product& p) {
  float* row = static_cast<float*>(p.c);
  for (int64_t i = 0; i < p.m; ++i) {
    for (int64_t j = 0; j < p.n; ++j) {
      const float value = p.bias == nullptr ? 0.0f : p.bias[j];
      if (p.out == DType::float32) {
        row[i * p.ldc + j] = value;
      } else {
        static_cast<uint16_t*>(p.c)[i * p.ldc + j] = p.out == DType::bfloat16 ? to_bf16(value) : to_f16(value);
      }
    }
  }
  if (p.out == DType::float32) p.after.apply(row, p.ldc, 0, 0, p.m, p.n);
}

// Words of a block of k. Where the sum is one chain whatever the blocks, few rows go over a panel from end to end: they wait
// for memory, which is fastest read straight on.
template <class T>
int64_t block_words(const Product& p) {
  return T::sum_words > T::block && p.m <= T::a_rows ? words_of<T>(p.k) : T::block;
}

// C block (m rows from i, n columns from j) from whole packed panels; b is at column j.
template <class T>
void block_from_panels(const Product& p, const void* a, const void* b, int64_t i, int64_t j, int64_t m, int64_t n, void* sums_scratch) {
  using Word = typename T::Word;
  const int64_t words = words_of<T>(p.k);
  const Sums sums = sums_of(p, i, j, n, sums_scratch);
  const int64_t block = block_words<T>(p);
  for (int64_t w = 0; w < words; w += block) {
    const int64_t count = min64(block, words - w);
    const bool last = w + count == words;
    block_product<T>(static_cast<const Word*>(a) + w * T::a_rows * T::a_words, words * T::a_rows * T::a_words, m,
                     static_cast<const Word*>(b) + w * kTileN, words * kTileN, n, count, sums.data, sums.ld, w == 0 && !p.accumulate,
                     last && p.bias != nullptr ? p.bias + j : nullptr);
  }
  finish(p, sums, i, j, m, n);
}

// The same with B packed here, one block of k at a time.
template <class T>
void block_packing_b(const Product& p, const void* a, int64_t j, int64_t n, void* b_scratch, void* sums_scratch) {
  using Word = typename T::Word;
  const int64_t words = words_of<T>(p.k);
  const Sums sums = sums_of(p, 0, j, n, sums_scratch);
  for (int64_t w = 0; w < words; w += T::block) {
    const int64_t count = min64(T::block, words - w);
    const int64_t k0 = w / T::step * T::places;
    const int64_t k = min64(count / T::step * T::places, p.k - k0);
    make_b_panels<T>(p, j, n, k0, k, 0, ceil_div(n, kTileN), b_scratch);
    block_product<T>(static_cast<const Word*>(a) + w * T::a_rows * T::a_words, words * T::a_rows * T::a_words, p.m,
                     static_cast<const Word*>(b_scratch), count * kTileN, n, count, sums.data, sums.ld, w == 0 && !p.accumulate,
                     w + count == words && p.bias != nullptr ? p.bias + j : nullptr);
  }
  finish(p, sums, 0, j, p.m, n);
}

// Bytes of a thread's scratch: a block of B and the float32 sums of `m` rows.
template <class T>
int64_t thread_b_bytes() {
  return T::block * kTaskN * 4;
}
int64_t thread_sums_bytes(const Product& p, int64_t m) { return p.out == DType::float32 ? 0 : align64(m * kTaskN * 4); }

template <class T>
Status multiply_few_rows(const Product& p) {
  const int64_t a_bytes = packed_a_bytes<T>(p.m, p.k);
  const int64_t b_bytes = p.packed_b == nullptr ? thread_b_bytes<T>() : 0;
  const int64_t per_thread = b_bytes + thread_sums_bytes(p, p.m);
  const bool parallel = p.m * p.n * p.k >= kParallelWork;
#if defined(TS_TILES)
  if (is_row(p)) return multiply_row(p, parallel);
#endif
  Scratch scratch(static_cast<size_t>(a_bytes + per_thread * (parallel ? threads() : 1)));
  if (!scratch) return fail(Status::out_of_memory, "[matmul] no memory for %lld packed bytes", static_cast<long long>(a_bytes));
  pack_a_panels<T>(p.a, p.m, p.k, 0, ceil_div(p.m, T::a_rows), scratch.as<void>());
  const int64_t panel_words = words_of<T>(p.k) * kTileN;
  // Panels that wait for memory are read straight on, and shared out finely: 32 KB are enough work. Those that are packed here
  // are packed several at once.
  const int64_t step = p.packed_b != nullptr ? ceil_div(kFewRowsBytes, panel_words * 4) * kTileN : 4 * kTileN;
  // What a source makes is read back from the first-level cache.
  const int64_t chunk = p.source != nullptr ? 2 * kTileN : kTaskN;
  const auto body = [&](int64_t begin, int64_t end, int slot) {
    char* own = scratch.as<char>(static_cast<size_t>(a_bytes + per_thread * slot));
    for (int64_t j = begin; j < end; j += chunk) {
      const int64_t n = min64(chunk, end - j);
      if (p.packed_b != nullptr) {
        const auto* b = static_cast<const typename T::Word*>(p.packed_b) + j / kTileN * panel_words;
        block_from_panels<T>(p, scratch.as<void>(), b, 0, j, p.m, n, own + b_bytes);
      } else {
        block_packing_b<T>(p, scratch.as<void>(), j, n, own, own + b_bytes);
      }
    }
  };
  if (parallel) {
    parallel_for(p.n, step, body);
  } else {
    body(0, p.n, 0);
  }
  return Status::ok;
}

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

template <class T>
Status multiply_as(const Product& p) {
  return p.m <= kFewRows ? multiply_few_rows<T>(p) : multiply_many_rows<T>(p);
}

template <class T>
void serial_as(const Product& p, char* scratch) {
  const int64_t a_bytes = packed_a_bytes<T>(min64(p.m, kTaskM<T>), p.k);
  for (int64_t i = 0; i < p.m; i += kTaskM<T>) {
    Product part = p;
    part.m = min64(kTaskM<T>, p.m - i);
    part.a = rows(p.a, i);
    part.c = static_cast<char*>(p.c) + static_cast<size_t>(i * p.ldc) * dtype_bytes(p.out);
    part.after = p.after.below(i);
    pack_a_panels<T>(part.a, part.m, p.k, 0, ceil_div(part.m, T::a_rows), scratch);
    for (int64_t j = 0; j < p.n; j += kTaskN) {
      const int64_t n = min64(kTaskN, p.n - j);
      if (p.packed_b != nullptr) {
        const auto* b = static_cast<const typename T::Word*>(p.packed_b) + j * words_of<T>(p.k);
        block_from_panels<T>(part, scratch, b, 0, j, part.m, n, scratch + a_bytes + thread_b_bytes<T>());
      } else {
        block_packing_b<T>(part, scratch, j, n, scratch + a_bytes, scratch + a_bytes + thread_b_bytes<T>());
      }
    }
  }
}

// f<T>() for what p's operands consist of.
template <class F>
auto with_operands(const Product& p, const F& f) {
  if (p.compute == Compute::bfloat16) return f.template operator()<BFloat16>();
#if defined(TS_TILES)
  if (p.compute == Compute::apart) return f.template operator()<Float32Parts>();
#endif
  return f.template operator()<Float32>();
}

}  // namespace

Status multiply(const Product& p) {
  if (p.m <= 0 || p.n <= 0) return Status::ok;
  if (p.k <= 0) {
    if (!p.accumulate) fill_without_k(p);
    return Status::ok;
  }
  return with_operands(p, [&]<class T>() { return multiply_as<T>(p); });
}

// The most rows for which a packed weight is worth its memory: with more, packing is a small part of the product. Weights of
// bfloat16 are there to be used, not trained, and prompts are read by so many rows.
constexpr int64_t packed_rows(DType weight) { return weight == DType::bfloat16 ? 512 : 64; }

Status multiply_kept(Product p, void* block) {
  if (p.m <= 0 || p.n <= 0 || p.k <= 0 || block == nullptr) return multiply(p);
  const PackedKey key{p.b.data, p.n, p.k, static_cast<int>(p.b.dtype), static_cast<int>(p.compute), p.b.col_stride == 1};
  const PackedLookup found = packed_find(block, key, p.m <= packed_rows(p.b.dtype));
  void* packed = found.data;
  if (found.wanted) {
    packed = allocate(packed_b_bytes(p.n, p.k, p.compute));
    if (packed != nullptr) {  // without memory for it the product still works
      pack_b(p.b, p.n, p.k, p.compute, packed);
      packed_insert(block, key, found.version, packed);
    }
  }
  p.packed_b = packed;
  const Status status = multiply(p);
  if (packed != nullptr) release(packed);
  return status;
}

size_t multiply_scratch_bytes(const Product& p) {
  return with_operands(p, [&]<class T>() {
    return static_cast<size_t>(packed_a_bytes<T>(min64(p.m, kTaskM<T>), p.k) + thread_b_bytes<T>() + align64(kTaskM<T> * kTaskN * 4));
  });
}

void multiply_serial(const Product& p, void* scratch) {
  if (p.m <= 0 || p.n <= 0) return;
  if (p.k <= 0) return fill_without_k(p);
  with_operands(p, [&]<class T>() { serial_as<T>(p, static_cast<char*>(scratch)); });
}

size_t packed_b_bytes(int64_t n, int64_t k, Compute compute) {
  return static_cast<size_t>(compute == Compute::bfloat16 ? packed_bytes<BFloat16>(n, k) : packed_bytes<Float32>(n, k));
}

void pack_b(const Matrix& b, int64_t n, int64_t k, Compute compute, void* out) {
  parallel_for(ceil_div(n, kTileN), 1, [&](int64_t begin, int64_t end, int) {
    if (compute == Compute::bfloat16) {
      pack_b_panels<BFloat16>(b, n, k, begin, end, out);
    } else {
      pack_b_panels<Float32>(b, n, k, begin, end, out);
    }
  });
}

namespace {

// args: 0 a, 1 b, 2 c, 3 m, 4 n, 5 k, 6 a is stored (k, m), 7 b is stored (n, k), 8 dtype of a, 9 of b, 10 of c, 11 compute,
// 12 number of batch axes, then for each axis its length and the strides of a and b in matrices (0 where they broadcast).
Status matmul(Args& args) {
  const int64_t m = args.size(3), n = args.size(4), k = args.size(5);
  const bool ta = args.flag(6), tb = args.flag(7);
  const DType da = args.dtype(8), db = args.dtype(9), dc = args.dtype(10);
  const Compute compute = apart(static_cast<Compute>(args.integer(11)));
  const int axes = args.integer(12);
  int64_t batch = 1;
  for (int axis = 0; axis < axes; ++axis) batch *= args.size(13 + 3 * axis);
  if (batch == 0 || m == 0 || n == 0) return Status::ok;
  const auto one = [&](int64_t index) {
    int64_t ia = 0, ib = 0, rest = index;
    for (int axis = axes - 1; axis >= 0; --axis) {
      const int64_t length = args.size(13 + 3 * axis), place = rest % length;
      rest /= length;
      ia += place * args.size(14 + 3 * axis);
      ib += place * args.size(15 + 3 * axis);
    }
    const char* a = args.ptr<const char>(0) + static_cast<size_t>(ia * m * k) * dtype_bytes(da);
    const char* b = args.ptr<const char>(1) + static_cast<size_t>(ib * k * n) * dtype_bytes(db);
    char* c = args.ptr<char>(2) + static_cast<size_t>(index * m * n) * dtype_bytes(dc);
    return Product{m, n, k, dense(a, da, ta ? m : k, ta), dense(b, db, tb ? k : n, tb), nullptr, c, n, dc, nullptr, compute};
  };
  // Many small products: one thread each. Few large ones: all threads in each.
  const bool split_batch = batch >= 2 * threads() || (batch > 1 && m * n * k < kParallelWork);
  if (!split_batch) {
    for (int64_t i = 0; i < batch; ++i) {
      const Status status = multiply(one(i));
      if (status != Status::ok) return status;
    }
    return Status::ok;
  }
  const size_t per_thread = multiply_scratch_bytes(one(0));
  Scratch scratch(per_thread * static_cast<size_t>(threads()));
  if (!scratch) return fail(Status::out_of_memory, "[matmul] no memory for %zu scratch bytes", per_thread);
  const int64_t grain = m * n * k >= kParallelWork ? 1 : ceil_div(kParallelWork, m * n * k + 1);
  parallel_for(batch, grain, [&](int64_t begin, int64_t end, int slot) {
    for (int64_t i = begin; i < end; ++i) multiply_serial(one(i), scratch.as<char>(per_thread * static_cast<size_t>(slot)));
  });
  return Status::ok;
}

// y (n, m) = x (n, k) weight (m, k)ᵀ + bias (m), or with a weight stored across, (k, m).
// args: 0 x, 1 weight, 2 bias or 0, 3 y, 4 n, 5 m, 6 k, 7 dtype of x, 8 of weight, 9 of y, 10 compute,
// 11 the block that holds weight, whose packed form is kept from the second use on; 0: nothing is kept, 12 weight is across,
// 13… what follows.
Status linear(Args& args) {
  const int64_t n = args.size(4), m = args.size(5), k = args.size(6);
  const bool across = args.flag(12);
  Product product{n, m, k, dense(args.ptr<void>(0), args.dtype(7), k, false), dense(args.ptr<void>(1), args.dtype(8), across ? m : k, !across),
                  nullptr, args.ptr<void>(3), m, args.dtype(9), args.ptr<float>(2), static_cast<Compute>(args.integer(10))};
  product.after = Epilogue::read(args, 13, m);
  if (product.after && product.out != DType::float32) return fail(Status::dtype, "[linear] expected a float32 result where something follows");
  return multiply_kept(product, args.ptr<void>(11));
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(gemm, {"matmul", matmul}, {"linear", linear})
