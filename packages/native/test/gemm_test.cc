#include <cmath>

#include "test.h"

namespace {

using test::Array;

struct Shape {
  int64_t m, n, k;
};

// Tails of every tile size, blocks of k and their ends, one row, one column, nothing.
const Shape shapes[] = {{1, 1, 1},    {3, 5, 7},     {1, 100, 300}, {2, 33, 513},  {7, 16, 256}, {15, 65, 257}, {50, 70, 30},
                        {100, 257, 600}, {130, 40, 1}, {97, 31, 259}, {6, 6, 2}, {0, 4, 4}, {4, 0, 4}, {5, 6, 0}, {300, 20, 770}, {60, 9, 8700}, {80, 820, 40}};

struct Call {
  Shape shape;
  bool ta, tb;
  int compute;
  bool bf16_operands;
};

template <class T>
ts::Status matmul(ts::Isa isa, const Call& call, const Array<T>& a, const Array<T>& b, Array<float>& c) {
  const double dtype = call.bf16_operands ? 1 : 0;
  return test::run(isa, "matmul",
                   {a.address(), b.address(), c.address(), double(call.shape.m), double(call.shape.n), double(call.shape.k),
                    double(call.ta), double(call.tb), dtype, dtype, 0, double(call.compute), 0});
}

Array<uint16_t> rounded(const Array<float>& x) {
  Array<uint16_t> out(x.size());
  for (size_t i = 0; i < x.size(); ++i) out[i] = test::to_bf16(x[i]);
  return out;
}

void check_values(ts::Isa isa, const Call& call) {
  const auto [m, n, k] = call.shape;
  const Array<float> a = test::uniform(static_cast<size_t>(m * k), 1), b = test::uniform(static_cast<size_t>(k * n), 2);
  Array<float> c(static_cast<size_t>(m * n), NAN);
  const ts::Status status = call.bf16_operands ? matmul(isa, call, rounded(a), rounded(b), c) : matmul(isa, call, a, b, c);
  CHECK(status == ts::Status::ok);
  const bool round = call.compute == 1 || call.bf16_operands;
  bool close = true;
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t j = 0; j < n; ++j) {
      double sum = 0;
      for (int64_t l = 0; l < k; ++l) {
        float x = a[static_cast<size_t>(call.ta ? l * m + i : i * k + l)];
        float y = b[static_cast<size_t>(call.tb ? j * k + l : l * n + j)];
        if (round) x = test::from_bf16(test::to_bf16(x)), y = test::from_bf16(test::to_bf16(y));
        sum += double(x) * double(y);
      }
      close = close && std::fabs(sum - c[static_cast<size_t>(i * n + j)]) <= 1e-6 * (2 + std::sqrt(double(k)));
    }
  }
  if (!close) std::printf("  %s (%d, %d, %d) ta %d tb %d compute %d bf16 %d\n", ts::isa_name(isa), int(m), int(n), int(k), call.ta, call.tb, call.compute, call.bf16_operands);
  CHECK(close);
}

TEST(products_equal_float64_sums) {
  for (const ts::Isa isa : test::isas()) {
    for (const Shape& shape : shapes) {
      for (int bits = 0; bits < 16; ++bits) check_values(isa, {shape, (bits & 1) != 0, (bits & 2) != 0, (bits >> 2) & 1, (bits & 8) != 0});
    }
  }
}

void check_bits(int64_t m, int64_t n, int64_t k) {
  const Array<float> a = test::uniform(m * k, 3), b = test::uniform(k * n, 4);
  Array<float> at(m * k), bt(k * n);
  for (int64_t i = 0; i < m; ++i) {
    for (int64_t l = 0; l < k; ++l) at[static_cast<size_t>(l * m + i)] = a[static_cast<size_t>(i * k + l)];
  }
  for (int64_t l = 0; l < k; ++l) {
    for (int64_t j = 0; j < n; ++j) bt[static_cast<size_t>(j * k + l)] = b[static_cast<size_t>(l * n + j)];
  }
  for (const ts::Isa isa : test::isas()) {
    for (int compute = 0; compute < 2; ++compute) {
      Array<float> whole(m * n);
      ts::set_threads(1);
      matmul(isa, {{m, n, k}, false, false, compute, false}, a, b, whole);
      ts::set_threads(3);
      for (int bits = 0; bits < 4; ++bits) {
        Array<float> again(m * n);
        matmul(isa, {{m, n, k}, (bits & 1) != 0, (bits & 2) != 0, compute, false}, (bits & 1) != 0 ? at : a, (bits & 2) != 0 ? bt : b, again);
        CHECK(again == whole);
      }
      // Any run of rows alone.
      for (const int64_t rows : {1, 2, 3, 5, 14, 23, 60}) {
        const int64_t first = (m - rows) / 2;
        Array<float> some(static_cast<size_t>(rows * n));
        const double start = a.address() + double(first * k * 4);
        test::run(isa, "matmul", {start, b.address(), some.address(), double(rows), double(n), double(k), 0, 0, 0, 0, 0, double(compute), 0});
        CHECK(std::memcmp(some.data(), whole.data() + first * n, static_cast<size_t>(rows * n) * 4) == 0);
      }
      // A layer's rows, from a weight as it lies and from its packed form: the second and later uses.
      Array<float> layer(m * n);
      test::run(isa, "linear", {a.address(), bt.address(), 0, layer.address(), double(m), double(n), double(k), 0, 0, 0, double(compute), 0, 0});
      void* weight = ts::allocate(static_cast<size_t>(n * k) * 4);
      std::memcpy(weight, bt.data(), static_cast<size_t>(n * k) * 4);
      const double address = double(reinterpret_cast<uintptr_t>(weight));
      for (const int64_t rows : {10, 10, 10, 1, 2, 3, 4}) {
        Array<float> y(rows * n);
        test::run(isa, "linear", {a.address(), address, 0, y.address(), double(rows), double(n), double(k), 0, 0, 0, double(compute), address, 0});
        CHECK(std::memcmp(y.data(), layer.data(), y.size() * 4) == 0);
      }
      ts::release(weight);
    }
  }
}

TEST(transposes_threads_and_other_rows_change_no_bit) {
  check_bits(150, 130, 600);
  check_bits(70, 1200, 300);  // each thread packs its own columns
  check_bits(70, 40, 8700);  // more k than one go over the panels
}

TEST(batches_broadcast) {
  const int64_t m = 9, n = 11, k = 40;
  const Array<float> a = test::uniform(6 * m * k, 5), b = test::uniform(3 * k * n, 6);
  for (const ts::Isa isa : test::isas()) {
    Array<float> all(6 * m * n), one(m * n);
    // a (2, 3, m, k), b (1, 3, k, n)
    CHECK(test::run(isa, "matmul", {a.address(), b.address(), all.address(), double(m), double(n), double(k), 0, 0, 0, 0, 0, 0, 2, 2, 3, 0, 3, 1, 1}) == ts::Status::ok);
    for (int64_t i = 0; i < 6; ++i) {
      test::run(isa, "matmul", {a.address() + double(i * m * k * 4), b.address() + double(i % 3 * k * n * 4), one.address(), double(m), double(n), double(k), 0, 0, 0, 0, 0, 0, 0});
      CHECK(std::memcmp(one.data(), all.data() + i * m * n, static_cast<size_t>(m * n) * 4) == 0);
    }
  }
}

TEST(bias_and_narrow_results) {
  const int64_t n = 21, m = 45, k = 300;
  const Array<float> x = test::uniform(n * k, 7), w = test::uniform(m * k, 8), bias = test::uniform(m, 9);
  for (const ts::Isa isa : test::isas()) {
    Array<float> plain(n * m), shifted(n * m);
    Array<uint16_t> narrow(n * m);
    test::run(isa, "linear", {x.address(), w.address(), 0, plain.address(), double(n), double(m), double(k), 0, 0, 0, 0, 0, 0});
    test::run(isa, "linear", {x.address(), w.address(), bias.address(), shifted.address(), double(n), double(m), double(k), 0, 0, 0, 0, 0, 0});
    test::run(isa, "linear", {x.address(), w.address(), 0, narrow.address(), double(n), double(m), double(k), 0, 0, 1, 0, 0, 0});
    bool added = true, rounded = true;
    for (size_t i = 0; i < plain.size(); ++i) {
      added = added && shifted[i] == plain[i] + bias[i % static_cast<size_t>(m)];
      rounded = rounded && narrow[i] == test::to_bf16(plain[i]);
    }
    CHECK(added);
    CHECK(rounded);
  }
}

TEST(a_weight_across_gives_the_same_bits_kept_or_not) {
  // Square, so that the two ways to lay out a weight differ in nothing but their meaning.
  const int64_t m = 70, k = 70;
  const Array<float> w = test::uniform(m * k, 8), bias = test::uniform(m, 9);
  Array<float> across(m * k);
  for (int64_t i = 0; i < m * k; ++i) across[static_cast<size_t>(i % k * m + i / k)] = w[static_cast<size_t>(i)];
  for (const ts::Isa isa : test::isas()) {
    for (const int64_t n : {1, 5, 100}) {
      for (const double compute : {0, 1}) {
        const Array<float> x = test::uniform(n * k, 7);
        Array<float> want(n * m), got(n * m), own(n * m);
        void* block = ts::allocate(static_cast<size_t>(m * k) * 4);
        std::memcpy(block, across.data(), static_cast<size_t>(m * k) * 4);
        const double at = double(reinterpret_cast<uintptr_t>(block));
        test::run(isa, "linear", {x.address(), w.address(), bias.address(), want.address(), double(n), double(m), double(k), 0, 0, 0, compute, 0, 0});
        for (int use = 0; use < 3; ++use) {
          test::run(isa, "linear", {x.address(), at, bias.address(), got.address(), double(n), double(m), double(k), 0, 0, 0, compute, at, 1});
          CHECK(std::memcmp(got.data(), want.data(), got.size() * 4) == 0);
          // The same block read the other way has a packed form of its own.
          test::run(isa, "linear", {x.address(), at, bias.address(), own.address(), double(n), double(m), double(k), 0, 0, 0, compute, at, 0});
        }
        CHECK(std::memcmp(own.data(), want.data(), own.size() * 4) != 0);
        ts::release(block);
      }
    }
  }
}

TEST(a_row_meets_what_is_not_finite_alone_as_among_others) {
  const int64_t rows = 5, m = 70, k = 66;
  const Array<float> x = test::uniform(rows * k, 7);
  Array<float> w = test::uniform(m * k, 8);
  w[3] = INFINITY, w[static_cast<size_t>(5 * k + 4)] = -INFINITY, w[static_cast<size_t>(9 * k)] = NAN;
  for (const ts::Isa isa : test::isas()) {
    for (const double compute : {0, 1}) {
      void* block = ts::allocate(static_cast<size_t>(m * k) * 4);
      std::memcpy(block, w.data(), static_cast<size_t>(m * k) * 4);
      const double at = double(reinterpret_cast<uintptr_t>(block));
      Array<float> all(rows * m), one(m);
      for (int use = 0; use < 3; ++use) {
        test::run(isa, "linear", {x.address(), at, 0, all.address(), double(rows), double(m), double(k), 0, 0, 0, compute, at});
        test::run(isa, "linear", {x.address(), at, 0, one.address(), 1, double(m), double(k), 0, 0, 0, compute, at});
        for (size_t j = 0; j < one.size(); ++j) CHECK(one[j] == all[j] || (one[j] != one[j] && all[j] != all[j]));
        CHECK(std::isinf(one[0]) && std::isinf(one[5]) && std::isnan(one[9]) && std::isfinite(one[1]));
      }
      ts::release(block);
    }
  }
}

// Numbers of either sign whose sizes span forty binary orders.
Array<float> spread(size_t n, int seed) {
  const Array<float> mantissa = test::uniform(n, seed), exponent = test::uniform(n, seed + 100);
  Array<float> out(n);
  for (size_t i = 0; i < n; ++i) out[i] = std::ldexp(mantissa[i], static_cast<int>(exponent[i] * 20));
  return out;
}

TEST(float32_products_are_as_exact_as_float32_whatever_their_operands_sizes) {
  const int64_t m = 40, n = 70;
  for (const int64_t k : {1, 31, 600, 1300}) {
    const Array<float> a = spread(static_cast<size_t>(m * k), 11), b = spread(static_cast<size_t>(k * n), 12);
    for (const ts::Isa isa : test::isas()) {
      Array<float> c(m * n);
      matmul(isa, {{m, n, k}, false, false, 0, false}, a, b, c);
      // Beside the sum of the products' sizes: a product's own rounding and that of a sum of a block and of blocks.
      double worst = 0;
      for (int64_t i = 0; i < m; ++i) {
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0, size = 0;
          for (int64_t l = 0; l < k; ++l) {
            const double term = double(a[static_cast<size_t>(i * k + l)]) * double(b[static_cast<size_t>(l * n + j)]);
            sum += term, size += std::fabs(term);
          }
          worst = std::fmax(worst, std::fabs(sum - c[static_cast<size_t>(i * n + j)]) / size);
        }
      }
      if (!(worst <= 10 * 0x1p-24)) std::printf("  %s k %d: %g of 2^-24\n", ts::isa_name(isa), int(k), worst * 0x1p24);
      CHECK(worst <= 10 * 0x1p-24);
    }
  }
}

TEST(what_is_not_finite_stays_in_its_row_and_column) {
  const int64_t m = 37, n = 45, k = 1100;
  Array<float> a = test::uniform(m * k, 13), b = test::uniform(k * n, 14);
  const Array<float> fine_a = test::uniform(m * k, 13), fine_b = test::uniform(k * n, 14);
  const auto at = [&](int64_t row, int64_t col, int64_t width) { return static_cast<size_t>(row * width + col); };
  a[at(3, 700, k)] = INFINITY, a[at(4, 2, k)] = -INFINITY, a[at(35, 1, k)] = NAN;
  b[at(9, 5, n)] = INFINITY, b[at(10, 6, n)] = 0x1.fffffep127f, b[at(600, 44, n)] = NAN;
  a[at(7, 10, k)] = 0x1.fffffep127f;   // times the one in column 6: an infinity made of finite numbers
  b[at(700, 8, n)] = 0;                // times the infinity of row 3: no number
  for (const ts::Isa isa : test::isas()) {
    for (const int compute : {0, 1}) {
      Array<float> c(m * n), fine(m * n);
      matmul(isa, {{m, n, k}, false, false, compute, false}, a, b, c);
      matmul(isa, {{m, n, k}, false, false, compute, false}, fine_a, fine_b, fine);
      for (int64_t j = 0; j < n; ++j) {
        const double by = b[at(700, j, n)];
        const float x = c[at(3, j, n)];
        if (j == 44 || j == 8) CHECK(std::isnan(x));
        else if (j == 5 || j == 6) CHECK(!std::isfinite(x));
        else CHECK(x == (by > 0 ? INFINITY : -INFINITY));
        CHECK(std::isnan(c[at(35, j, n)]));
      }
      for (int64_t i = 0; i < m; ++i) CHECK(std::isnan(c[at(i, 44, n)]));
      CHECK(std::isinf(c[at(7, 6, n)]));
      for (const int64_t i : {0, 1, 2, 5, 6, 20, 36}) {
        for (const int64_t j : {0, 1, 7, 9, 43}) CHECK(c[at(i, j, n)] == fine[at(i, j, n)]);
      }
    }
  }
}

// What the kernel behind a product makes of y (n, m): 1 adds values, 2 multiplies by their activation, 3 activates.
Array<float> followed(ts::Isa isa, const Array<float>& y, const Array<float>& values, int then, double act) {
  Array<float> out(y.size());
  const double size = double(y.size());
  if (then == 1) test::run(isa, "binary", {values.address(), y.address(), out.address(), size, 0, size});
  if (then == 2) test::run(isa, "gated", {values.address(), y.address(), out.address(), size, act});
  if (then == 3) test::run(isa, "activation", {y.address(), out.address(), size, act});
  return out;
}

TEST(what_follows_a_product_has_the_bits_of_the_kernel_behind_it) {
  // One block of k, several, and more than one go; one row from a kept weight, few rows, many, and columns for every driver.
  const int64_t shapes[][3] = {{1, 70, 33}, {5, 33, 70}, {100, 45, 600}, {70, 1200, 30}, {60, 20, 9000}, {3, 7, 0}};
  for (const auto& [n, m, k] : shapes) {
    const Array<float> x = test::uniform(n * k, 7), w = test::uniform(m * k, 8), bias = test::uniform(m, 9), values = test::uniform(n * m, 10);
    for (const ts::Isa isa : test::isas()) {
      for (const double compute : {0, 1}) {
        void* block = ts::allocate(static_cast<size_t>(m * k + 1) * 4);
        std::memcpy(block, w.data(), static_cast<size_t>(m * k) * 4);
        const double at = double(reinterpret_cast<uintptr_t>(block));
        const auto linear = [&](Array<float>& y, double then, double act) {
          return test::run(isa, "linear", {x.address(), at, bias.address(), y.address(), double(n), double(m), double(k), 0, 0, 0, compute, at, 0, then, values.address(), act});
        };
        Array<float> plain(n * m), got(n * m);
        CHECK(linear(plain, 0, 0) == ts::Status::ok);
        for (int then = 1; then <= 3; ++then) {
          const double act = then == 2 ? 1 : 3;  // silu, GELU
          const Array<float> want = followed(isa, plain, values, then, act);
          for (const int threads : {1, 3}) {
            ts::set_threads(threads);
            CHECK(linear(got, then, act) == ts::Status::ok);
            CHECK(got == want);
          }
        }
        ts::release(block);
      }
    }
  }
}

}  // namespace
