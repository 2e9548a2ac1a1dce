// isa: avx512vnni avx512bf16 amx
// Matrix products: which way each goes, weights kept packed, and the kernels matmul and linear.
#include "gemm.h"

#include "core/packed.h"
#include "core/pool.h"
#include "kernels/gemm_few.h"
#include "kernels/gemm_many.h"

namespace ts::TS_ISA {
namespace {

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
auto with_operands(Compute compute, const F& f) {
  if (compute == Compute::bfloat16) return f.template operator()<BFloat16>();
#if defined(TS_TILES)
  if (compute == Compute::apart) return f.template operator()<Float32Parts>();
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
  return with_operands(p.compute, [&]<class T>() { return multiply_as<T>(p); });
}

// The most rows for which a packed weight is worth its memory: with more, packing is a small part of the product. Weights of
// bfloat16 are there to be used, not trained, and prompts are read by so many rows.
constexpr int64_t packed_rows(DType weight) { return weight == DType::bfloat16 ? 512 : 64; }

Status multiply_kept(Product p, void* block) {
  if (p.m <= 0 || p.n <= 0 || p.k <= 0 || block == nullptr) return multiply(p);
  const PackedKey key{p.b.data, p.n, p.k, static_cast<int>(p.b.dtype), static_cast<int>(p.compute), p.b.col_stride == 1};
  const size_t bytes = packed_b_bytes(p.n, p.k, p.compute);
  const PackedLookup found = packed_find(block, key, bytes, p.m <= packed_rows(p.b.dtype));
  void* packed = found.data;
  if (found.wanted) {
    packed = allocate(bytes);
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
  return with_operands(p.compute, [&]<class T>() {
    return static_cast<size_t>(packed_a_bytes<T>(min64(p.m, kTaskM<T>), p.k) + thread_b_bytes<T>() + align64(kTaskM<T> * kTaskN * 4));
  });
}

void multiply_serial(const Product& p, void* scratch) {
  if (p.m <= 0 || p.n <= 0) return;
  if (p.k <= 0) {
    if (!p.accumulate) fill_without_k(p);
    return;
  }
  with_operands(p.compute, [&]<class T>() { serial_as<T>(p, static_cast<char*>(scratch)); });
}

size_t packed_b_bytes(int64_t n, int64_t k, Compute compute) {
  return with_operands(compute, [&]<class T>() { return static_cast<size_t>(packed_bytes<T>(n, k)); });
}

void pack_b(const Matrix& b, int64_t n, int64_t k, Compute compute, void* out) {
  parallel_for(ceil_div(n, kTileN), 1, [&](int64_t begin, int64_t end, int) {
    with_operands(compute, [&]<class T>() { pack_b_panels<T>(b, n, k, begin, end, out); });
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
