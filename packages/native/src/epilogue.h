// What becomes of a product's sums, bias included, before anyone else sees them: what the kernel behind it would do, with its
// bits, while they are in the cache.
#pragma once

#include "core/kernel.h"
#include "activations.h"
#include "rows.h"

namespace ts::TS_ISA {

enum class Then : int { nothing = 0, add = 1, gate = 2, activate = 3 };

// f<act>() for the activations of feed-forwards: a loop with the choice in it would take it for every vector.
template <class F>
TS_INLINE void with_activation(Act act, const F& f) {
  switch (act) {
    case Act::silu: return f.template operator()<Act::silu>();
    case Act::gelu_tanh: return f.template operator()<Act::gelu_tanh>();
    case Act::gelu_erf: return f.template operator()<Act::gelu_erf>();
    case Act::relu: return f.template operator()<Act::relu>();
    case Act::relu2: return f.template operator()<Act::relu2>();
    case Act::sigmoid: return f.template operator()<Act::sigmoid>();
    case Act::quick_gelu: return f.template operator()<Act::quick_gelu>();
    default: return f.template operator()<Act::identity>();
  }
}

struct Epilogue {
  Then then = Then::nothing;
  const float* values = nullptr;  // add: the addend, gate: what is activated; as many rows and columns as the result has
  int64_t stride = 0;             // between rows of values; 0 without them
  Act act = Act::identity;

  // Values of a line of the cache.
  static constexpr int64_t kLine = 16;

  explicit operator bool() const { return then != Then::nothing; }

  // In three places of the record: what, values or 0, activation.
  static Epilogue read(const Args& args, int at, int64_t columns) {
    const float* const values = args.ptr<float>(at + 1);
    return {static_cast<Then>(args.integer(at)), values, values == nullptr ? 0 : columns, static_cast<Act>(args.integer(at + 2))};
  }

  // The same for a result that begins at row i.
  Epilogue below(int64_t i) const {
    Epilogue part = *this;
    if (values != nullptr) part.values += i * stride;
    return part;
  }

  // Rows i … i + m - 1 and columns j … j + n - 1 of the result, which lie at `sums`, rows `ld` floats apart.
  void apply(float* sums, int64_t ld, int64_t i, int64_t j, int64_t m, int64_t n) const {
    const float* const own = values == nullptr ? nullptr : values + i * stride + j;
    // body(row of the result, row of values, place, count)
    const auto walk = [=, this](const auto& body) {
      for (int64_t r = 0; r < m; ++r) {
        if (values != nullptr && n > kLine && r + 1 < m) {
          for (int64_t c = 0; c < n; c += kLine) __builtin_prefetch(own + (r + 1) * stride + c);
        }
        each(n, [&](int64_t c, int k) { body(sums + r * ld, own + r * stride, c, k); });
      }
    };
    switch (then) {
      case Then::nothing: break;
      case Then::add: walk([](float* row, const float* x, int64_t c, int k) { put(row, c, get(x, c, k) + get(row, c, k), k); }); break;
      case Then::gate:
        with_activation(act, [&]<Act kAct>() {
          walk([](float* row, const float* x, int64_t c, int k) { put(row, c, activate(kAct, get(x, c, k)) * get(row, c, k), k); });
        });
        break;
      case Then::activate:
        with_activation(act, [&]<Act kAct>() {
          walk([](float* row, const float*, int64_t c, int k) { put(row, c, activate(kAct, get(row, c, k)), k); });
        });
        break;
    }
  }

  // Asks for the values of rows i … i + m - 1 from column j on, one line of each: they lie apart, beyond the processor's guesses.
  void prefetch(int64_t i, int64_t j, int64_t m) const {
    if (values == nullptr) return;
    for (int64_t r = i; r < i + m; ++r) __builtin_prefetch(values + r * stride + j);
  }
};

}  // namespace ts::TS_ISA
