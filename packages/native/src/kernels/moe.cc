// isa: avx512bf16 amx
// The experts of a mixture: each expert's rows are gathered, taken through its feed-forward as ordinary products, and added
// to their rows' sums. Experts go in ascending order, so a row's sum has one order, and a product's row has the same bits
// whatever the other rows: the result of a row depends on itself alone.
#include "activations.h"
#include "core/memory.h"
#include "gemm.h"
#include "kernels/elements.h"
#include "kernels/pointwise_grad.h"

namespace ts::TS_ISA {
namespace {

constexpr int64_t align_floats(int64_t n) { return (n + 15) / 16 * 16; }

// What forward and backward share. R is 2F with gates and F without.
// args: 0 x (N, C), 1 index (N, K), 2 weights (N, K), 3 gate_up (E, R, C), 4 its bias (E, R) or 0, 5 down (E, C, F), 6 its
// bias (E, C) or 0, 7 inner (N K, R) in expert order, 8 N, 9 K, 10 E, 11 C, 12 F, 13 gated, 14 act, 15 dtype of gate_up,
// 16 of down, 17 compute
struct Call {
  const float* x;
  const int32_t* index;
  const float *weights, *gate_up_bias, *down_bias;
  const char *gate_up, *down;
  float* inner;
  int64_t rows, k, experts, width, inside, gate_rows;
  bool gated;
  Act act;
  DType gate_up_type, down_type;
  Compute compute;

  explicit Call(const Args& a)
      : x(a.ptr<float>(0)), index(a.ptr<int32_t>(1)), weights(a.ptr<float>(2)), gate_up_bias(a.ptr<float>(4)),
        down_bias(a.ptr<float>(6)), gate_up(a.ptr<char>(3)), down(a.ptr<char>(5)), inner(a.ptr<float>(7)), rows(a.size(8)),
        k(a.size(9)), experts(a.size(10)), width(a.size(11)), inside(a.size(12)), gate_rows(a.flag(13) ? 2 * a.size(12) : a.size(12)),
        gated(a.flag(13)), act(static_cast<Act>(a.integer(14))), gate_up_type(a.dtype(15)), down_type(a.dtype(16)),
        compute(static_cast<Compute>(a.integer(17))) {}

  Matrix gate_up_of(int64_t e, bool transposed) const {
    return dense(gate_up + static_cast<size_t>(e * gate_rows * width) * dtype_bytes(gate_up_type), gate_up_type, width, transposed);
  }
  Matrix down_of(int64_t e, bool transposed) const {
    return dense(down + static_cast<size_t>(e * width * inside) * dtype_bytes(down_type), down_type, inside, transposed);
  }
  const float* gate_up_bias_of(int64_t e) const { return gate_up_bias == nullptr ? nullptr : gate_up_bias + e * gate_rows; }
  const float* down_bias_of(int64_t e) const { return down_bias == nullptr ? nullptr : down_bias + e * width; }
};

// The places (row, j) of `index`, expert by expert and within one in their order.
class Groups {
 public:
  explicit Groups(const Call& c) : memory_(static_cast<size_t>(c.experts + 1 + c.rows * c.k) * 8) {
    if (!memory_) return;
    first_ = memory_.as<int64_t>();
    places_ = first_ + c.experts + 1;
    const int64_t count = c.rows * c.k;
    for (int64_t e = 0; e <= c.experts; ++e) first_[e] = 0;
    for (int64_t p = 0; p < count; ++p) {
      if (c.index[p] < 0 || c.index[p] >= c.experts) {
        bad_ = c.index[p];
        found_ = true;
        return;
      }
      ++first_[c.index[p] + 1];
    }
    for (int64_t e = 0; e < c.experts; ++e) {
      if (first_[e + 1] > largest_) largest_ = first_[e + 1];
      first_[e + 1] += first_[e];
    }
    // first_[e] moves to the end of its group and is moved back, one to the right.
    for (int64_t p = 0; p < count; ++p) places_[first_[c.index[p]]++] = p;
    for (int64_t e = c.experts; e > 0; --e) first_[e] = first_[e - 1];
    first_[0] = 0;
  }
  Status check(const Call& c) const {
    if (!memory_) return fail(Status::out_of_memory, "[moe] no memory for the groups of %lld rows", static_cast<long long>(c.rows));
    if (!found_) return Status::ok;
    return fail(Status::index_out_of_range, "[moe] expected experts from 0 to %lld, got %d", static_cast<long long>(c.experts - 1), bad_);
  }
  int64_t first(int64_t e) const { return first_[e]; }
  int64_t size(int64_t e) const { return first_[e + 1] - first_[e]; }
  int64_t largest() const { return largest_; }
  const int64_t* places(int64_t e) const { return places_ + first_[e]; }

 private:
  Scratch memory_;
  int64_t *first_ = nullptr, *places_ = nullptr, largest_ = 0;
  int32_t bad_ = 0;
  bool found_ = false;
};

// Rows of a table by place: out[i] = table[places[i] / k].
void gather(const float* table, const int64_t* places, int64_t count, int64_t k, int64_t width, float* out) {
  parallel_for(count, grain_of(width), [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) std::memcpy(out + i * width, table + places[i] / k * width, static_cast<size_t>(width) * 4);
  });
}

// table[places[i] / k] += factor(i) * rows[i]. A place's rows are distinct unless a row names an expert twice; then they lie
// side by side, and threads split the columns instead of the rows.
template <class F>
void add_rows(float* table, const int64_t* places, int64_t count, int64_t k, int64_t width, const float* rows, const F& factor) {
  parallel_for((width + 63) / 64, kGrain / (64 * (count + 1)) + 1, [&](int64_t begin, int64_t end, int) {
    const int64_t from = begin * 64, to = end * 64 < width ? end * 64 : width;
    for (int64_t i = 0; i < count; ++i) {
      float* sum = table + places[i] / k * width + from;
      const float* row = rows + i * width + from;
      const vf times = splat(factor(i));
      each(to - from, [=](int64_t c, int n) { put(sum, c, fma(get(row, c, n), times, get(sum, c, n)), n); });
    }
  });
}

// hidden (count, F) = act(gate) * up, or act of the row.
void activate_rows(const Call& c, const float* inner, int64_t count, float* hidden) {
  parallel_for(count, grain_of(c.gate_rows), [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      const float *gate = inner + i * c.gate_rows, *up = gate + c.inside;
      float* to = hidden + i * c.inside;
      each(c.inside, [=](int64_t f, int n) {
        const vf a = activate(c.act, get(gate, f, n));
        put(to, f, c.gated ? a * get(up, f, n) : a, n);
      });
    }
  });
}

// args: as Call, then 18 y (N, C), 19 and 20 the blocks that hold gate_up and down, whose packed forms are kept, or 0
Status moe(Args& args) {
  const Call c(args);
  float* y = args.ptr<float>(18);
  const Groups groups(c);
  Status status = groups.check(c);
  if (status != Status::ok) return status;
  if (c.rows > 0) std::memset(y, 0, static_cast<size_t>(c.rows * c.width) * 4);
  const int64_t most = groups.largest();
  const int64_t wide = align_floats(most * c.width);
  const Scratch scratch(static_cast<size_t>(2 * wide + align_floats(most * c.inside)) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[moe] no memory for the rows of an expert");
  float *in = scratch.as<float>(), *out = in + wide, *hidden = out + wide;
  for (int64_t e = 0; e < c.experts; ++e) {
    const int64_t count = groups.size(e);
    if (count == 0) continue;
    const int64_t* places = groups.places(e);
    float* inner = c.inner + groups.first(e) * c.gate_rows;
    gather(c.x, places, count, c.k, c.width, in);
    status = multiply_kept({count, c.gate_rows, c.width, dense(in, DType::float32, c.width, false), c.gate_up_of(e, true), nullptr, inner,
                            c.gate_rows, DType::float32, c.gate_up_bias_of(e), c.compute},
                           args.ptr<void>(19));
    if (status != Status::ok) return status;
    activate_rows(c, inner, count, hidden);
    status = multiply_kept({count, c.width, c.inside, dense(hidden, DType::float32, c.inside, false), c.down_of(e, true), nullptr, out,
                            c.width, DType::float32, c.down_bias_of(e), c.compute},
                           args.ptr<void>(20));
    if (status != Status::ok) return status;
    add_rows(y, places, count, c.k, c.width, out, [=](int64_t i) { return c.weights[places[i]]; });
  }
  return Status::ok;
}

// Σ a b over a row: one vector of sums, folded; behind it Σ g bias where there is one.
float dot(const float* a, const float* b, int64_t n) {
  vf sum{};
  each(n, [&](int64_t i, int count) { sum = fma(get(a, i, count), get(b, i, count), sum); });
  return sum_lanes(sum);
}

// The part of one expert's gradient that rows own: the weights', and `inner`'s into `ginner` (count, R). `back` (count, F) is
// the upstream gradient through down, `upstream` (count, C) the gradient itself; both are scaled by the weight on the way.
void row_gradients(const Call& c, int64_t e, const int64_t* places, int64_t count, const float* inner, const float* hidden,
                   float* back, float* upstream, float* ginner, float* gweights) {
  const float* bias = c.down_bias_of(e);
  parallel_for(count, grain_of(c.gate_rows + c.width), [=](int64_t begin, int64_t end, int) {
    for (int64_t i = begin; i < end; ++i) {
      float *t = back + i * c.inside, *g = upstream + i * c.width, *to = ginner + i * c.gate_rows;
      const float *gate = inner + i * c.gate_rows, *up = gate + c.inside;
      if (gweights != nullptr) {
        float own = dot(t, hidden + i * c.inside, c.inside);
        if (bias != nullptr) own += dot(g, bias, c.width);
        gweights[places[i]] = own;
      }
      const float weight = c.weights[places[i]];
      each(c.width, [=](int64_t d, int n) { put(g, d, get(g, d, n) * weight, n); });
      each(c.inside, [=](int64_t f, int n) {
        const vf x = get(gate, f, n), s = get(t, f, n) * weight;
        put(to, f, pass_back(c.act, c.gated ? s * get(up, f, n) : s, x), n);
        if (c.gated) put(to + c.inside, f, s * activate(c.act, x), n);
      });
    }
  });
}

void clear(float* data, int64_t size) {
  if (data != nullptr && size > 0) std::memset(data, 0, static_cast<size_t>(size) * 4);
}

// args: as Call with what forward left in 7, then 18 gy (N, C), and the gradients, each 0 where it is not wanted: 19 of x,
// 20 of weights, 21 of gate_up, 22 of its bias, 23 of down, 24 of its bias. Experts without rows get zeros.
Status moe_grad(Args& args) {
  const Call c(args);
  const float* gy = args.ptr<float>(18);
  float *gx = args.ptr<float>(19), *gweights = args.ptr<float>(20), *ggate_up = args.ptr<float>(21);
  float *ggate_up_bias = args.ptr<float>(22), *gdown = args.ptr<float>(23), *gdown_bias = args.ptr<float>(24);
  const Groups groups(c);
  Status status = groups.check(c);
  if (status != Status::ok) return status;
  clear(gx, c.rows * c.width);
  const int64_t most = groups.largest();
  const int64_t wide = align_floats(most * c.width), inside = align_floats(most * c.inside), gates = align_floats(most * c.gate_rows);
  const Scratch scratch(static_cast<size_t>(2 * wide + 2 * inside + gates) * 4);
  if (!scratch) return fail(Status::out_of_memory, "[moe] no memory for the rows of an expert");
  float *in = scratch.as<float>(), *upstream = in + wide, *hidden = upstream + wide, *back = hidden + inside, *ginner = back + inside;
  const auto plain = [](const float* data, int64_t cols, bool transposed) { return dense(data, DType::float32, cols, transposed); };
  for (int64_t e = 0; e < c.experts; ++e) {
    const int64_t count = groups.size(e);
    if (count == 0) {
      if (ggate_up != nullptr) clear(ggate_up + e * c.gate_rows * c.width, c.gate_rows * c.width);
      if (ggate_up_bias != nullptr) clear(ggate_up_bias + e * c.gate_rows, c.gate_rows);
      if (gdown != nullptr) clear(gdown + e * c.width * c.inside, c.width * c.inside);
      if (gdown_bias != nullptr) clear(gdown_bias + e * c.width, c.width);
      continue;
    }
    const int64_t* places = groups.places(e);
    const float* inner = c.inner + groups.first(e) * c.gate_rows;
    gather(gy, places, count, c.k, c.width, upstream);
    activate_rows(c, inner, count, hidden);
    status = multiply({count, c.inside, c.width, plain(upstream, c.width, false), c.down_of(e, false), nullptr, back, c.inside,
                       DType::float32, nullptr, apart(c.compute)});
    if (status != Status::ok) return status;
    row_gradients(c, e, places, count, inner, hidden, back, upstream, ginner, gweights);
    if (gdown != nullptr) {
      status = multiply({c.width, c.inside, count, plain(upstream, c.width, true), plain(hidden, c.inside, false), nullptr,
                         gdown + e * c.width * c.inside, c.inside, DType::float32, nullptr, apart(c.compute)});
      if (status != Status::ok) return status;
    }
    if (gdown_bias != nullptr) sum_columns(upstream, count, c.width, gdown_bias + e * c.width);
    if (ggate_up_bias != nullptr) sum_columns(ginner, count, c.gate_rows, ggate_up_bias + e * c.gate_rows);
    if (ggate_up != nullptr) {
      gather(c.x, places, count, c.k, c.width, in);
      status = multiply({c.gate_rows, c.width, count, plain(ginner, c.gate_rows, true), plain(in, c.width, false), nullptr,
                         ggate_up + e * c.gate_rows * c.width, c.width, DType::float32, nullptr, apart(c.compute)});
      if (status != Status::ok) return status;
    }
    if (gx != nullptr) {
      status = multiply({count, c.width, c.gate_rows, plain(ginner, c.gate_rows, false), c.gate_up_of(e, false), nullptr, in, c.width,
                         DType::float32, nullptr, apart(c.compute)});
      if (status != Status::ok) return status;
      add_rows(gx, places, count, c.k, c.width, in, [](int64_t) { return 1.0f; });
    }
  }
  return Status::ok;
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(moe, {"moe", moe}, {"moe_grad", moe_grad})
