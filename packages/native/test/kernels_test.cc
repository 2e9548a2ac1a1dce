// Kernels of rows, elements, losses and attention: every instruction family against the baseline, and bit by bit whatever
// the number of threads and the other rows.
#include <cmath>
#include <functional>
#include <string>

#include "test.h"

namespace {

using test::Array;

// A kernel call over exactly sized arrays: inputs by address, then outputs, then the rest of the record.
struct Call {
  const char* kernel;
  std::function<std::vector<double>(double* outputs)> record;  // outputs[i]: address of output i
  std::vector<size_t> sizes;                                    // of the outputs, in floats
};

std::vector<Array<float>> outputs_of(ts::Isa isa, const Call& call) {
  std::vector<Array<float>> outputs;
  std::vector<double> addresses;
  for (const size_t size : call.sizes) {
    outputs.emplace_back(size, NAN);
    addresses.push_back(outputs.back().address());
  }
  CHECK(test::run(isa, call.kernel, call.record(addresses.data())) == ts::Status::ok);
  return outputs;
}

bool near(const std::vector<Array<float>>& got, const std::vector<Array<float>>& want) {
  for (size_t o = 0; o < got.size(); ++o) {
    for (size_t i = 0; i < got[o].size(); ++i) {
      const float a = got[o][i], b = want[o][i];
      if (a == b) continue;
      if (!(std::fabs(a - b) <= 1e-5f * (1 + std::fabs(b)))) return false;
    }
  }
  return true;
}

void check(const Call& call) {
  const ts::Isa first = test::isas().front();
  const auto want = outputs_of(first, call);
  for (const ts::Isa isa : test::isas()) {
    ts::set_threads(1);
    const auto one = outputs_of(isa, call);
    ts::set_threads(3);
    const auto three = outputs_of(isa, call);
    bool same = true;
    for (size_t o = 0; o < one.size(); ++o) same = same && one[o] == three[o];
    CHECK(same);
    const bool close = near(one, want);
    if (!close) std::printf("  %s on %s differs from %s\n", call.kernel, ts::isa_name(isa), ts::isa_name(first));
    CHECK(close);
  }
}

const int64_t widths[] = {1, 5, 16, 33, 130};

TEST(log_sum_exp_of_rows_that_reach_infinity) {
  constexpr int64_t kWidth = 37;
  for (const ts::Isa isa : test::isas()) {
    for (const size_t place : {0, 20, 36}) {
      // One infinity, all of them, one beside -infinity, one beside NaN.
      Array<float> x(4 * kWidth, 1.0f), y(4, 0.0f);
      for (size_t i = kWidth; i < 2 * kWidth; ++i) x[i] = INFINITY;
      for (size_t i = 2 * kWidth; i < 3 * kWidth; ++i) x[i] = -INFINITY;
      for (size_t r = 0; r < 4; ++r) x[r * kWidth + place] = INFINITY;
      x[3 * kWidth + 5] = NAN;
      CHECK(test::run(isa, "log_sum_exp", {x.address(), y.address(), 4, kWidth}) == ts::Status::ok);
      CHECK(y[0] == INFINITY && y[1] == INFINITY && y[2] == INFINITY && std::isnan(y[3]));
      // The logarithm of a softmax has no such limit.
      Array<float> logs(4 * kWidth, 0.0f);
      CHECK(test::run(isa, "log_softmax", {x.address(), logs.address(), 4, kWidth}) == ts::Status::ok);
      CHECK(std::isnan(logs[place]));
    }
  }
}

TEST(rows_agree_on_every_family) {
  for (const int64_t width : widths) {
    const int64_t rows = 70;
    const size_t size = static_cast<size_t>(rows * width), n = static_cast<size_t>(rows), w = static_cast<size_t>(width);
    const double r = double(rows), c = double(width);
    const Array<float> x = test::uniform(size, 1), g = test::uniform(size, 2), weight = test::uniform(w, 3), bias = test::uniform(w, 4);
    const Array<float> stats = test::uniform(n, 5), scales(n, 1.5f);
    for (const char* kernel : {"softmax", "log_softmax"}) {
      check({kernel, [&](double* o) { return std::vector<double>{x.address(), o[0], r, c}; }, {size}});
    }
    for (const char* kernel : {"softmax_grad", "log_softmax_grad"}) {
      check({kernel, [&](double* o) { return std::vector<double>{x.address(), g.address(), o[0], r, c}; }, {size}});
    }
    check({"log_sum_exp", [&](double* o) { return std::vector<double>{x.address(), o[0], r, c}; }, {n}});
    check({"rms_norm", [&](double* o) { return std::vector<double>{x.address(), weight.address(), o[0], o[1], r, c, 1e-6, 1}; }, {size, n}});
    check({"rms_norm_grad", [&](double* o) { return std::vector<double>{x.address(), weight.address(), scales.address(), g.address(), o[0], o[1], r, c, 0}; }, {size, w}});
    check({"layer_norm", [&](double* o) { return std::vector<double>{x.address(), weight.address(), bias.address(), o[0], o[1], o[2], r, c, 1e-5}; }, {size, n, n}});
    check({"layer_norm_grad", [&](double* o) { return std::vector<double>{x.address(), weight.address(), stats.address(), scales.address(), g.address(), o[0], o[1], o[2], r, c}; }, {size, w, w}});
    check({"sum_rows", [&](double* o) { return std::vector<double>{x.address(), o[0], r, c}; }, {w}});
  }
}

// As torch.relu: where it gives 0 no gradient passes, whatever comes in; what is not a number keeps its own.
TEST(rectifiers_stop_infinite_gradients) {
  const float infinite = __builtin_inff();
  for (const ts::Isa isa : test::isas()) {
    for (const double act : {4.0, 5.0}) {
      Array<float> x(3), ones(3, 1.0f), upstream(3, infinite), out(3), gate_out(3), up_out(3);
      x[0] = -1, x[1] = 0, x[2] = 1;
      CHECK(test::run(isa, "activation_grad", {x.address(), upstream.address(), out.address(), 3, act}) == ts::Status::ok);
      CHECK(test::run(isa, "gated_grad", {x.address(), upstream.address(), ones.address(), gate_out.address(), up_out.address(), 3, act}) ==
            ts::Status::ok);
      for (const Array<float>* g : {&out, &gate_out}) CHECK((*g)[0] == 0 && (*g)[1] == 0 && (*g)[2] == infinite);
      x[2] = __builtin_nanf("");
      CHECK(test::run(isa, "activation_grad", {x.address(), ones.address(), out.address(), 3, act}) == ts::Status::ok);
      CHECK(act == 4.0 ? out[2] == 1 : out[2] != out[2]);
    }
  }
}

// Two equal logits have half each, whatever they are: the lowest finite ones too, with which callers mask.
TEST(shares_of_huge_logits) {
  const float half = 0.69314718f;
  for (const ts::Isa isa : test::isas()) {
    for (const float large : {3e38f, -3e38f, 1e20f}) {
      Array<float> x(2, large), y(2), loss(1), lse(1);
      Array<int32_t> target(1);
      CHECK(test::run(isa, "log_softmax", {x.address(), y.address(), 1, 2}) == ts::Status::ok);
      CHECK(test::run(isa, "cross_entropy", {x.address(), target.address(), loss.address(), lse.address(), 1, 2, -100, 0, 1, 0, 1}) == ts::Status::ok);
      CHECK(y[0] == -half && y[1] == -half && loss[0] == half);
    }
  }
}

TEST(elements_agree_on_every_family) {
  for (const int64_t width : widths) {
    const size_t size = static_cast<size_t>(width);
    const double n = double(width);
    const Array<float> x = test::uniform(size, 6), y = test::uniform(size, 7), g = test::uniform(size, 8), row = test::uniform(1, 9);
    for (int act = 0; act < 10; ++act) {
      check({"activation", [&](double* o) { return std::vector<double>{x.address(), o[0], n, double(act)}; }, {size}});
      check({"activation_grad", [&](double* o) { return std::vector<double>{x.address(), g.address(), o[0], n, double(act)}; }, {size}});
      check({"gated", [&](double* o) { return std::vector<double>{x.address(), y.address(), o[0], n, double(act)}; }, {size}});
      check({"gated_grad", [&](double* o) { return std::vector<double>{x.address(), y.address(), g.address(), o[0], o[1], n, double(act)}; }, {size, size}});
    }
    for (int fn = 0; fn < 4; ++fn) {
      check({"binary", [&](double* o) { return std::vector<double>{x.address(), y.address(), o[0], n, double(fn), n}; }, {size}});
      check({"binary", [&](double* o) { return std::vector<double>{x.address(), row.address(), o[0], n, double(fn), 1}; }, {size}});
    }
    check({"uniform", [&](double* o) { return std::vector<double>{o[0], n, 1, 2, 3, 4294967295.0}; }, {size}});
  }
  const Array<float> table = test::uniform(7 * 9, 10), sum = test::uniform(9, 11);
  Array<int32_t> ids(5);
  for (int i = 0; i < 5; ++i) ids[static_cast<size_t>(i)] = (i * 3) % 7;
  check({"binary", [&](double* o) { return std::vector<double>{table.address(), sum.address(), o[0], 63, 2, 9}; }, {63}});
  check({"take_rows", [&](double* o) { return std::vector<double>{table.address(), ids.address(), o[0], 5, 36, 7}; }, {45}});
  for (const ts::Isa isa : test::isas()) {
    for (const int threads : {1, 3}) {
      ts::set_threads(threads);
      Array<float> sums(63, 1.0f), want(63, 1.0f);
      for (size_t i = 0; i < 45; ++i) want[static_cast<size_t>(ids[i / 9]) * 9 + i % 9] += table[i];
      CHECK(test::run(isa, "add_rows", {table.address(), ids.address(), sums.address(), 5, 9, 7}) == ts::Status::ok);
      CHECK(sums == want);
    }
  }
  const Array<float> cosine = test::uniform(7 * 2, 12), sine = test::uniform(7 * 2, 13);
  for (int bits = 0; bits < 4; ++bits) {
    check({"rope", [&](double* o) { return std::vector<double>{table.address(), cosine.address(), sine.address(), o[0], 7, 1, 9, 2, double(bits & 1), double(bits >> 1)}; }, {63}});
  }
}

TEST(narrow_floats_round_alike_on_every_family) {
  Array<float> values(4096);
  for (size_t i = 0; i < values.size(); ++i) {
    const uint32_t u = static_cast<uint32_t>(i) * 1048583u + 77u;
    std::memcpy(&values[i], &u, 4);
    if (values[i] != values[i]) values[i] = 0;  // the bits of NaN are nobody's promise
  }
  for (const double to : {1.0, 2.0}) {
    Array<uint16_t> want(values.size());
    test::run(test::isas().front(), "cast", {values.address(), want.address(), 4096, 0, to});
    for (const ts::Isa isa : test::isas()) {
      Array<uint16_t> got(values.size());
      Array<float> back(values.size());
      test::run(isa, "cast", {values.address(), got.address(), 4096, 0, to});
      CHECK(got == want);
      if (to == 1.0) CHECK(got[1000] == test::to_bf16(values[1000]));
      test::run(isa, "cast", {got.address(), back.address(), 4096, to, 0});
      test::run(isa, "cast", {back.address(), got.address(), 4096, 0, to});
      CHECK(got == want);
    }
  }
}

TEST(low_rank_updates_agree_on_every_family) {
  const int64_t shapes[][4] = {{1, 1, 1, 1}, {37, 65, 33, 5}, {300, 40, 90, 16}, {260, 200, 70, 9}, {9, 130, 17, 35}};
  for (const auto& [rows, k, m, rank] : shapes) {
    const Array<float> y = test::uniform(rows * m, 40), x = test::uniform(rows * k, 41), a = test::uniform(rank * k, 42);
    const Array<float> b = test::uniform(m * rank, 43), h = test::uniform(rows * rank, 44), g = test::uniform(rows * m, 45);
    const double n = rows, p = k, q = m, r = rank;
    check({"low_rank", [&](double* o) { return std::vector<double>{y.address(), x.address(), a.address(), b.address(), o[0], o[1], n, p, q, r, 0.05}; }, {size_t(rows * m), size_t(rows * rank)}});
    check({"low_rank_grad", [&](double* o) { return std::vector<double>{x.address(), a.address(), b.address(), h.address(), g.address(), o[0], o[1], o[2], n, p, q, r, 0.05}; }, {size_t(rows * k), size_t(rank * k), size_t(m * rank)}});
  }
}

TEST(losses_agree_on_every_family) {
  const int64_t rows = 9, classes = 1100, width = 20;
  const Array<float> hidden = test::uniform(rows * width, 14), weight = test::uniform(classes * width, 15), bias = test::uniform(classes, 16);
  const Array<float> logits = test::uniform(rows * classes, 17), g = test::uniform(rows, 18);
  Array<int32_t> targets(rows);
  for (int i = 0; i < rows; ++i) targets[static_cast<size_t>(i)] = i == 4 ? -100 : i * 120;
  const auto with = [](std::vector<double> record, bool capped) {
    for (const double v : capped ? std::vector<double>{-100, 0.1, 0.5, 3, 0.7} : std::vector<double>{-100, 0, 1, 0, 1}) record.push_back(v);
    return record;
  };
  const double n = rows, v = classes, c = width;
  for (const bool capped : {false, true}) {
    check({"cross_entropy", [&](double* o) { return with({logits.address(), targets.address(), o[0], o[1], n, v}, capped); }, {size_t(rows), size_t(rows)}});
    check({"cross_entropy_grad", [&](double* o) { return with({logits.address(), targets.address(), g.address(), o[0], n, v}, capped); }, {size_t(rows * classes)}});
    const std::vector<size_t> grads{size_t(rows * width), size_t(classes * width), size_t(classes)};
    check({"linear_cross_entropy", [&](double* o) { return with({hidden.address(), weight.address(), bias.address(), targets.address(), o[0], o[1], 0, 0, 0, 0, n, c, v, 0, 0}, capped); }, {size_t(rows), size_t(rows)}});
    check({"linear_cross_entropy", [&](double* o) { return with({hidden.address(), weight.address(), bias.address(), targets.address(), 0, 0, g.address(), o[0], o[1], o[2], n, c, v, 0, 0}, capped); }, grads});
    check({"linear_cross_entropy", [&](double* o) { return with({hidden.address(), weight.address(), bias.address(), targets.address(), o[3], o[4], 0, o[0], o[1], o[2], n, c, v, 0, 0}, capped); }, {grads[0], grads[1], grads[2], size_t(rows), size_t(rows)}});
  }
  targets[3] = 1100;
  Array<float> out(rows * classes), lse(rows);
  for (const ts::Isa isa : test::isas()) {
    CHECK(test::run(isa, "cross_entropy", with({logits.address(), targets.address(), out.address(), lse.address(), n, v}, false)) == ts::Status::index_out_of_range);
  }
}

// The logits' gradient is kept in float32 where a bias's sums need it, else rounded as the products round it.
TEST(losses_in_bfloat16_have_one_gradient_with_and_without_that_of_the_bias) {
  const int64_t rows = 70, classes = 1103, width = 21;
  const Array<float> hidden = test::uniform(rows * width, 31), weight = test::uniform(classes * width, 32), bias = test::uniform(classes, 33), g = test::uniform(rows, 34);
  Array<int32_t> targets(rows);
  for (int i = 0; i < rows; ++i) targets[static_cast<size_t>(i)] = i == 4 ? -100 : i * 15;
  for (const ts::Isa isa : test::isas()) {
    for (const double softcap : {0.0, 3.0}) {
      const auto grads = [&](Array<float>& ghidden, Array<float>& gweight, double gbias) {
        return test::run(isa, "linear_cross_entropy", {hidden.address(), weight.address(), bias.address(), targets.address(), 0, 0, g.address(), ghidden.address(), gweight.address(), gbias,
                                                       double(rows), double(width), double(classes), 1, 0, -100, 0.1, 0.5, softcap, 0.7});
      };
      Array<float> h(rows * width), w(classes * width), b(classes), own_h(rows * width), own_w(classes * width);
      ts::set_threads(1);
      CHECK(grads(h, w, b.address()) == ts::Status::ok);
      for (const int threads : {1, 3}) {
        ts::set_threads(threads);
        CHECK(grads(own_h, own_w, 0) == ts::Status::ok);
        CHECK(own_h == h);
        CHECK(own_w == w);
      }
    }
  }
}

TEST(attention_agrees_on_every_family) {
  // Two documents, one with 140 keys in pages of 64 out of order and 75 queries from position 65 on.
  Array<int32_t> offsets(3), starts(2), lengths(2), page_offsets(3), pages(4);
  const int32_t o[] = {0, 75, 95}, p[] = {0, 3, 4}, r[] = {128, 0, 64, 192};
  for (size_t i = 0; i < 3; ++i) offsets[i] = o[i], page_offsets[i] = p[i];
  for (size_t i = 0; i < 4; ++i) pages[i] = r[i];
  starts[0] = 65, starts[1] = 0, lengths[0] = 140, lengths[1] = 20;
  const int64_t heads = 4, key_heads = 2, width = 10, queries = 95, keys = 256;
  const size_t q_size = size_t(queries * heads * width), k_size = size_t(keys * key_heads * width), l_size = size_t(queries * heads);
  const Array<float> q = test::uniform(q_size, 19), k = test::uniform(k_size, 20), v = test::uniform(k_size, 21), gy = test::uniform(q_size, 22), sinks = test::uniform(heads, 23);
  for (int bits = 0; bits < 8; ++bits) {
    const auto record = [&](double y, double lse) {
      return std::vector<double>{q.address(), k.address(), v.address(), 0, 0, (bits & 1) != 0 ? sinks.address() : 0, y, lse, offsets.address(), starts.address(), lengths.address(),
                                 page_offsets.address(), pages.address(), 2, 64, double(heads), double(key_heads), double(width), (bits & 2) != 0 ? 30.0 : 0.0, 1, 0, 0.3, (bits & 4) != 0 ? 2.0 : 0.0, double(queries), double(keys), 4};
    };
    check({"attention", [&](double* out) { return record(out[0], out[1]); }, {q_size, l_size}});
    const auto forward = outputs_of(test::isas().front(), {"attention", [&](double* out) { return record(out[0], out[1]); }, {q_size, l_size}});
    check({"attention_grad",
           [&](double* out) {
             auto full = record(forward[0].address(), forward[1].address());
             for (const double value : {gy.address(), out[0], out[1], out[2], (bits & 1) != 0 ? out[3] : 0}) full.push_back(value);
             if ((bits & 1) == 0) std::memset(reinterpret_cast<void*>(uintptr_t(out[3])), 0, heads * 4);
             return full;
           },
           {q_size, k_size, k_size, size_t(heads)}});
  }
}

TEST(optimizer_step_agrees_on_every_family) {
  const size_t size = 37;
  std::vector<Array<float>> want;
  for (const ts::Isa isa : test::isas()) {
    std::vector<Array<float>> state;
    for (uint32_t i = 0; i < 3; ++i) state.push_back(test::uniform(size, 30 + i));
    state.push_back(Array<float>(size, 0.3f));
    state.push_back(Array<float>(size, 0.2f));
    CHECK(test::run(isa, "adamw", {state[0].address(), state[1].address(), state[2].address(), state[3].address(), state[4].address(), 0, double(size), 0.1, 0.9, 0.99, 1e-8, 0.1, 1, 3}) == ts::Status::ok);
    if (want.empty()) want = std::move(state);
    else CHECK(near(state, want));
  }
}

}  // namespace
