// Matrix products C = A B (+ bias, + what follows) with a fixed order of summation, for the kernel files of this instruction family.
//
// Every element of C is ((s0 + s1) + s2) + …, where s_i is the sum over the i-th block of kBlockK (float32) or kBlockKPairs * 2
// (bfloat16) values of k, made by fused multiply-adds in ascending k from zero (bfloat16 on processors with the
// instruction: in ascending pairs; on tiles: gemm_amx.h and gemm_parts.h). Nothing else (the number of rows, their place, threads,
// packing, batches) enters.
#pragma once

#include "core/kernel.h"
#include "core/memory.h"
#include "epilogue.h"
#include "simd.h"

namespace ts::TS_ISA {

// apart: float32 on tiles where the processor has them (gemm_parts.h), else float32. It is as exact and, from some hundred rows on,
// faster; one row costs more, and a kept weight half as much memory again. So layers, which multiply the same weight with one row as
// with thousands and owe both the same bits, multiply in float32, and gradients and products of two results apart.
enum class Compute : int { float32 = 0, bfloat16 = 1, apart = 2 };

inline Compute apart(Compute compute) { return compute == Compute::float32 ? Compute::apart : compute; }

// A strided matrix of float32 or bfloat16; one of the strides is 1. Strides count elements.
struct Matrix {
  const void* data;
  DType dtype;
  int64_t row_stride;
  int64_t col_stride;
};

// Columns of B made on demand as panels (see gemm_pack.h), for weights kept in another form: panels [first, last) of
// columns `column` … column + n and places k0 … k0 + k, each panel whole, lanes past n and places past k zero.
struct PanelSource {
  void (*fill)(const void* weight, Compute compute, int64_t column, int64_t n, int64_t k0, int64_t k, int64_t first,
               int64_t last, void* out);
  const void* weight;
};

struct Product {
  int64_t m, n, k;
  Matrix a;                // (m, k)
  Matrix b;                // (k, n); not read where packed_b is given
  const void* packed_b;    // what pack_b wrote for the same n, k and compute, or null
  void* c;                 // (m, n), rows ldc elements apart
  int64_t ldc;
  DType out;               // float32, bfloat16 or float16
  const float* bias;       // (n) or null, added last
  Compute compute;
  bool accumulate = false;              // C += A B in the place of C = A B; float32 without bias only
  const PanelSource* source = nullptr;  // makes B's panels in the place of b and packed_b, or null
  Epilogue after{};                     // float32 only
};

// Products with fewer multiply-adds stay on one thread: waking another costs more.
constexpr int64_t kParallelWork = 1 << 16;

// All threads; small products stay on the caller's. out_of_memory is the only failure.
Status multiply(const Product& product);

// The same for a stored weight (n, k) seen as its transpose b: its packed form is kept with `block`, which holds it, from the
// second use with few rows on. block null: nothing is kept.
Status multiply_kept(Product product, void* block);

// A stored matrix (rows, cols), or its transpose seen as one.
inline Matrix dense(const void* data, DType dtype, int64_t cols, bool transposed) {
  return transposed ? Matrix{data, dtype, 1, cols} : Matrix{data, dtype, cols, 1};
}

// One product on this thread with the caller's scratch: for use inside parallel_for.
size_t multiply_scratch_bytes(const Product& product);
void multiply_serial(const Product& product, void* scratch);

// B packed once for many products.
size_t packed_b_bytes(int64_t n, int64_t k, Compute compute);
void pack_b(const Matrix& b, int64_t n, int64_t k, Compute compute, void* out);

}  // namespace ts::TS_ISA
