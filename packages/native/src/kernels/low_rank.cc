// The update of a low-rank adapter, z = y + s (x Aᵀ) Bᵀ, and its gradients, in float32. The inner width R is a few vectors, so
// packing operands as for a large product would cost more than the product: each pass reads the large operand once.
#include "core/kernel.h"
#include "core/memory.h"
#include "core/pool.h"
#include "rows.h"

namespace ts::TS_ISA {
namespace {

// Rows (or ranks) summed side by side: as many chains as two multiply-adds a cycle of latency four need.
constexpr int kSide = 8;
// Sums over rows are made in chunks of this many, then over chunks in order: long sums stay exact enough.
constexpr int64_t kChunk = 128;
// Sums over rows hold this many ranks times vectors of columns in registers.
constexpr int kRankTile = 4;
constexpr int kVectorTile = TS_VBYTES == 64 ? 4 : 2;
constexpr int64_t kPanel = kVectorTile * kLanes;

constexpr int64_t padded(int64_t rank) { return ceil_div(rank, kLanes) * kLanes; }
TS_INLINE int lanes_left(int64_t end, int64_t at) { return end - at < kLanes ? static_cast<int>(end - at) : kLanes; }

// What a pass over kRows rows of x (…, k) reads and writes.
struct Inner {
  const float* x;
  int64_t k;
  const float* w;  // (k, padded rank)
  int64_t rank;
  float scale;
  float* h;  // (…, rank)
};
struct Outer {
  const float* h;  // (…, rank)
  int64_t rank;
  const float* w;  // (rank, m)
  int64_t m;
  const float* y;  // (…, m) or null: zeros
  float* z;        // (…, m)
};

// h[row] = scale Σ_k x[row, k] w[k], in ascending k, for kRows rows from `row`.
template <int kRows>
void inner_rows(const Inner& p, int64_t row) {
  const float* x = p.x + row * p.k;
  const int64_t stride = padded(p.rank);
  for (int64_t r = 0; r < p.rank; r += kLanes) {
    vf sums[kRows] = {};
    for (int64_t k = 0; k < p.k; ++k) {
      const vf w = load(p.w + k * stride + r);
      for (int i = 0; i < kRows; ++i) sums[i] = fma(splat(x[i * p.k + k]), w, sums[i]);
    }
    for (int i = 0; i < kRows; ++i) put(p.h + (row + i) * p.rank, r, sums[i] * p.scale, lanes_left(p.rank, r));
  }
}

// z[row] = y[row] + Σ_r h[row, r] w[r], in ascending r.
template <int kRows>
void outer_rows(const Outer& p, int64_t row) {
  const float* h = p.h + row * p.rank;
  for (int64_t m = 0; m < p.m; m += kLanes) {
    const int n = lanes_left(p.m, m);
    vf sums[kRows] = {};
    if (p.y != nullptr) {
      for (int i = 0; i < kRows; ++i) sums[i] = get(p.y + (row + i) * p.m, m, n);
    }
    for (int64_t r = 0; r < p.rank; ++r) {
      const vf w = get(p.w + r * p.m, m, n);
      for (int i = 0; i < kRows; ++i) sums[i] = fma(splat(h[i * p.rank + r]), w, sums[i]);
    }
    for (int i = 0; i < kRows; ++i) put(p.z + (row + i) * p.m, m, sums[i], n);
  }
}

// Both over all rows; z may be null.
void both_rows(const Inner& inner, const Outer& outer, int64_t rows) {
  parallel_for(rows, kSide, [&](int64_t begin, int64_t end, int) {
    int64_t row = begin;
    for (; row + kSide <= end; row += kSide) {
      inner_rows<kSide>(inner, row);
      if (outer.z != nullptr) outer_rows<kSide>(outer, row);
    }
    for (; row < end; ++row) {
      inner_rows<1>(inner, row);
      if (outer.z != nullptr) outer_rows<1>(outer, row);
    }
  });
}

// out[r, k …] = Σ_n h[n, r] x[n, k …] for kRanks ranks from r and kVectors vectors of columns from k, of one chunk of rows,
// added to what is there from the chunks before.
template <int kRanks, int kVectors>
void rank_sums(const float* h, int64_t rank, int64_t r, const float* x, int64_t width, int64_t k, int64_t from, int64_t to, float* out) {
  // Several vectors are whole ones; a single one may be the tail of a row.
  const int lanes = kVectors > 1 ? kLanes : lanes_left(width, k);
  vf sums[kRanks][kVectors] = {};
  for (int64_t row = from; row < to; ++row) {
    vf values[kVectors];
    for (int v = 0; v < kVectors; ++v) values[v] = get(x + row * width, k + v * kLanes, lanes);
    for (int i = 0; i < kRanks; ++i) {
      const vf factor = splat(h[row * rank + r + i]);
      for (int v = 0; v < kVectors; ++v) sums[i][v] = fma(factor, values[v], sums[i][v]);
    }
  }
  for (int i = 0; i < kRanks; ++i) {
    for (int v = 0; v < kVectors; ++v) {
      float* place = out + (r + i) * width;
      const int64_t column = k + v * kLanes;
      put(place, column, from == 0 ? sums[i][v] : get(place, column, lanes) + sums[i][v], lanes);
    }
  }
}

// All ranks of kVectors vectors of columns from k: a chunk of rows stays in the first-level cache for every group of ranks.
template <int kVectors>
void column_sums(const float* h, int64_t rank, const float* x, int64_t width, int64_t k, int64_t rows, float* out) {
  int64_t from = 0;
  do {
    const int64_t to = from + kChunk < rows ? from + kChunk : rows;
    int64_t r = 0;
    for (; r + kRankTile <= rank; r += kRankTile) rank_sums<kRankTile, kVectors>(h, rank, r, x, width, k, from, to, out);
    for (; r < rank; ++r) rank_sums<1, kVectors>(h, rank, r, x, width, k, from, to, out);
    from = to;
  } while (from < rows);
}

// One panel of kVectorTile vectors of columns; the last one has fewer.
void panel_sums(const float* h, int64_t rank, const float* x, int64_t width, int64_t panel, int64_t rows, float* out) {
  const int64_t k = panel * kPanel;
  if (k + kPanel <= width) return column_sums<kVectorTile>(h, rank, x, width, k, rows, out);
  for (int64_t column = k; column < width; column += kLanes) column_sums<1>(h, rank, x, width, column, rows, out);
}

// (rows, cols) to (cols, stride), zeros past `rows`.
void transpose(const float* from, int64_t rows, int64_t cols, float* to, int64_t stride) {
  for (int64_t c = 0; c < cols; ++c) {
    for (int64_t r = 0; r < stride; ++r) to[c * stride + r] = r < rows ? from[r * cols + c] : 0.0f;
  }
}

// args: 0 y (n, m), 1 x (n, k), 2 a (r, k), 3 b (m, r), 4 z (n, m), 5 h (n, r), 6 n, 7 k, 8 m, 9 r, 10 scale
Status low_rank(Args& args) {
  const int64_t rows = args.size(6), k = args.size(7), m = args.size(8), rank = args.size(9);
  const Scratch scratch(static_cast<size_t>(k * padded(rank) + rank * m) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[addLowRank] could not allocate transposed factors");
  float *at = scratch.as<float>(), *bt = at + k * padded(rank);
  transpose(args.ptr<float>(2), rank, k, at, padded(rank));
  transpose(args.ptr<float>(3), m, rank, bt, m);
  float* h = args.ptr<float>(5);
  both_rows({args.ptr<float>(1), k, at, rank, args.number(10), h}, {h, rank, bt, m, args.ptr<float>(0), args.ptr<float>(4)}, rows);
  return Status::ok;
}

// args: 0 x (n, k), 1 a (r, k), 2 b (m, r), 3 h (n, r), 4 gz (n, m), 5 gx or 0, 6 ga or 0, 7 gb or 0, 8 n, 9 k, 10 m, 11 r, 12 scale
Status low_rank_grad(Args& args) {
  const float *x = args.ptr<float>(0), *h = args.ptr<float>(3), *gz = args.ptr<float>(4);
  float *gx = args.ptr<float>(5), *ga = args.ptr<float>(6), *gb = args.ptr<float>(7);
  const int64_t rows = args.size(8), k = args.size(9), m = args.size(10), rank = args.size(11);
  const Scratch scratch(static_cast<size_t>(m * padded(rank) + rows * rank + rank * m) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[addLowRank] could not allocate gradients of the inner rows");
  float *w = scratch.as<float>(), *gh = w + m * padded(rank), *gbt = gh + rows * rank;
  if (gx != nullptr || ga != nullptr) {
    const float* b = args.ptr<float>(2);
    for (int64_t j = 0; j < m; ++j) {
      for (int64_t r = 0; r < padded(rank); ++r) w[j * padded(rank) + r] = r < rank ? b[j * rank + r] : 0.0f;
    }
    both_rows({gz, m, w, rank, args.number(12), gh}, {gh, rank, args.ptr<float>(1), k, nullptr, gx}, rows);
  }
  const int64_t panels_a = ga == nullptr ? 0 : ceil_div(k, kPanel), panels_b = gb == nullptr ? 0 : ceil_div(m, kPanel);
  parallel_for(panels_a + panels_b, 1, [=](int64_t begin, int64_t end, int) {
    for (int64_t panel = begin; panel < end; ++panel) {
      if (panel < panels_a) {
        panel_sums(gh, rank, x, k, panel, rows, ga);
      } else {
        panel_sums(h, rank, gz, m, panel - panels_a, rows, gbt);
      }
    }
  });
  if (gb != nullptr) transpose(gbt, rank, m, gb, rank);
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(low_rank, {"low_rank", low_rank}, {"low_rank_grad", low_rank_grad})
