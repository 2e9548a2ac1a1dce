// The experts of a mixture against plain loops in double, on every instruction family.
#include <cmath>
#include <random>

#include "test.h"

namespace {

using test::Array;

struct Mixture {
  int64_t rows, k, experts, width, inside;
  bool gated, biased;
  Array<float> x, weights, gate_up, gate_up_bias, down, down_bias, gy;
  Array<int32_t> index;

  int64_t gate_rows() const { return gated ? 2 * inside : inside; }
  static size_t n(int64_t v) { return static_cast<size_t>(v); }
  Mixture(int64_t rows, int64_t k, int64_t experts, int64_t width, int64_t inside, bool gated, bool biased, uint32_t seed)
      : rows(rows), k(k), experts(experts), width(width), inside(inside), gated(gated), biased(biased),
        x(test::uniform(n(rows * width), seed)), weights(test::uniform(n(rows * k), seed + 1)),
        gate_up(test::uniform(n(experts * gate_rows() * width), seed + 2)), gate_up_bias(test::uniform(n(experts * gate_rows()), seed + 3)),
        down(test::uniform(n(experts * width * inside), seed + 4)), down_bias(test::uniform(n(experts * width), seed + 5)),
        gy(test::uniform(n(rows * width), seed + 6)), index(n(rows * k)) {
    std::mt19937 generator(seed);
    // Any experts, the same one twice in a row included.
    for (size_t i = 0; i < index.size(); ++i) index[i] = static_cast<int32_t>(generator() % static_cast<uint32_t>(experts));
  }
  std::vector<double> record(const Array<float>& inner) const {
    return {x.address(), index.address(), weights.address(), gate_up.address(), biased ? gate_up_bias.address() : 0, down.address(),
            biased ? down_bias.address() : 0, inner.address(), double(rows), double(k), double(experts), double(width), double(inside),
            gated ? 1.0 : 0.0, 1, 0, 0, 0};
  }
};

double silu(double v) { return v / (1 + std::exp(-v)); }
double slope(double v) {
  const double s = 1 / (1 + std::exp(-v));
  return s * (1 + v * (1 - s));
}

struct Wanted {
  std::vector<double> y, gx, gweights, ggate_up, ggate_up_bias, gdown, gdown_bias;
};

// Place by place: one row through one expert, forward and backward.
Wanted plain(const Mixture& m) {
  const size_t c = size_t(m.width), f = size_t(m.inside), r = size_t(m.gate_rows());
  Wanted w{std::vector<double>(m.x.size()), std::vector<double>(m.x.size()), std::vector<double>(m.weights.size()),
           std::vector<double>(m.gate_up.size()), std::vector<double>(m.gate_up_bias.size()), std::vector<double>(m.down.size()),
           std::vector<double>(m.down_bias.size())};
  std::vector<double> inner(r), hidden(f), t(f), ginner(r);
  for (size_t place = 0; place < m.index.size(); ++place) {
    const size_t row = place / size_t(m.k), e = size_t(m.index[place]);
    const float *x = m.x.data() + row * c, *gy = m.gy.data() + row * c;
    const float *up = m.gate_up.data() + e * r * c, *down = m.down.data() + e * c * f;
    const double weight = m.weights[place];
    for (size_t i = 0; i < r; ++i) {
      inner[i] = m.biased ? m.gate_up_bias[e * r + i] : 0;
      for (size_t j = 0; j < c; ++j) inner[i] += double(up[i * c + j]) * x[j];
    }
    for (size_t i = 0; i < f; ++i) hidden[i] = silu(inner[i]) * (m.gated ? inner[f + i] : 1);
    for (size_t i = 0; i < f; ++i) t[i] = 0;
    for (size_t j = 0; j < c; ++j) {
      double out = m.biased ? m.down_bias[e * c + j] : 0;
      for (size_t i = 0; i < f; ++i) {
        out += double(down[j * f + i]) * hidden[i];
        t[i] += double(down[j * f + i]) * gy[j];
        w.gdown[e * c * f + j * f + i] += weight * gy[j] * hidden[i];
      }
      w.y[row * c + j] += weight * out;
      w.gweights[place] += out * gy[j];
      w.gdown_bias[e * c + j] += weight * gy[j];
    }
    for (size_t i = 0; i < f; ++i) {
      const double s = weight * t[i];
      ginner[i] = s * (m.gated ? inner[f + i] : 1) * slope(inner[i]);
      if (m.gated) ginner[f + i] = s * silu(inner[i]);
    }
    for (size_t i = 0; i < r; ++i) {
      w.ggate_up_bias[e * r + i] += ginner[i];
      for (size_t j = 0; j < c; ++j) {
        w.ggate_up[e * r * c + i * c + j] += ginner[i] * x[j];
        w.gx[row * c + j] += ginner[i] * up[i * c + j];
      }
    }
  }
  return w;
}

void near(const char* what, const Array<float>& got, const std::vector<double>& want) {
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::fabs(got[i] - want[i]) <= 1e-4 * (1 + std::fabs(want[i]))) continue;
    std::printf("  %s[%zu]: %g, expected %g\n", what, i, double(got[i]), want[i]);
    CHECK(false);
    return;
  }
}

TEST(mixtures_agree_with_plain_loops) {
  std::mt19937 generator(41);
  const auto pick = [&](uint32_t least, uint32_t most) { return int64_t(least + generator() % (most - least + 1)); };
  for (uint32_t round = 0; round < 24; ++round) {
    const bool empty = round == 5;
    const Mixture m(empty ? 0 : pick(1, round % 6 == 0 ? 90 : 20), pick(1, 4), pick(1, 7), pick(1, 40), pick(1, 40), round % 3 != 0, round % 2 == 0, 100 * round);
    const Wanted want = plain(m);
    const size_t places = m.index.size(), r = size_t(m.gate_rows());
    for (const ts::Isa isa : test::isas()) {
      for (const int threads : {1, 3}) {
        ts::set_threads(threads);
        Array<float> inner(places * r, NAN), y(m.x.size(), NAN);
        auto record = m.record(inner);
        for (const double v : {y.address(), 0.0, 0.0}) record.push_back(v);
        CHECK(test::run(isa, "moe", record) == ts::Status::ok);
        near("y", y, want.y);
        Array<float> gx(m.x.size(), NAN), gw(places, NAN), gu(m.gate_up.size(), NAN), gub(m.gate_up_bias.size(), NAN), gd(m.down.size(), NAN), gdb(m.down_bias.size(), NAN);
        auto back = m.record(inner);
        for (const double v : {m.gy.address(), gx.address(), gw.address(), gu.address(), gub.address(), gd.address(), gdb.address()}) back.push_back(v);
        CHECK(test::run(isa, "moe_grad", back) == ts::Status::ok);
        near("gx", gx, want.gx);
        near("gweights", gw, want.gweights);
        near("ggate_up", gu, want.ggate_up);
        near("ggate_up_bias", gub, want.ggate_up_bias);
        near("gdown", gd, want.gdown);
        near("gdown_bias", gdb, want.gdown_bias);
        // Nothing wanted: nothing is written, nothing breaks.
        auto none = m.record(inner);
        for (const double v : {m.gy.address(), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0}) none.push_back(v);
        CHECK(test::run(isa, "moe_grad", none) == ts::Status::ok);
      }
    }
  }
}

TEST(an_expert_that_does_not_exist_is_refused) {
  Mixture m(3, 2, 4, 5, 3, true, false, 9);
  for (const int32_t bad : {-1, 4, 2147483647}) {
    m.index[3] = bad;
    Array<float> inner(6 * 6), y(15), rest(60);
    auto record = m.record(inner);
    for (const double v : {y.address(), 0.0, 0.0}) record.push_back(v);
    auto back = m.record(inner);
    for (const double v : {m.gy.address(), rest.address(), 0.0, 0.0, 0.0, 0.0, 0.0}) back.push_back(v);
    for (const ts::Isa isa : test::isas()) {
      CHECK(test::run(isa, "moe", record) == ts::Status::index_out_of_range);
      CHECK(test::run(isa, "moe_grad", back) == ts::Status::index_out_of_range);
    }
  }
}

}  // namespace
