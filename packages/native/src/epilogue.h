// What becomes of a product's sums, bias included, before anyone else sees them: what the kernel behind it would do, with its
// bits, while they are in the cache.
#pragma once

#include "core/kernel.h"
#include "activations.h"
#include "rows.h"

namespace ts::TS_ISA {

enum class Then : int { nothing = 0, add = 1, gate = 2, activate = 3 };

struct Epilogue {
  Then then = Then::nothing;
  const float* values = nullptr;  // add: the addend, gate: what is activated; as many rows and columns as the result has
  int64_t stride = 0;             // between rows of values
  Act act = Act::identity;

  explicit operator bool() const { return then != Then::nothing; }

  // In three places of the record: what, values or 0, activation.
  static Epilogue read(const Args& args, int at, int64_t columns) {
    return {static_cast<Then>(args.integer(at)), args.ptr<float>(at + 1), columns, static_cast<Act>(args.integer(at + 2))};
  }

  // The same for a result that begins at row i.
  Epilogue below(int64_t i) const {
    Epilogue part = *this;
    if (values != nullptr) part.values += i * stride;
    return part;
  }

  // Rows i … i + m - 1 and columns j … j + n - 1 of the result, which lie at `sums`, rows `ld` floats apart.
  void apply(float* sums, int64_t ld, int64_t i, int64_t j, int64_t m, int64_t n) const {
    for (int64_t r = 0; r < m && then != Then::nothing; ++r) {
      float* const row = sums + r * ld;
      const float* const own = then == Then::activate ? nullptr : values + (i + r) * stride + j;
      switch (then) {
        case Then::add: each(n, [=](int64_t c, int k) { put(row, c, get(own, c, k) + get(row, c, k), k); }); break;
        case Then::gate: each(n, [=, this](int64_t c, int k) { put(row, c, activate(act, get(own, c, k)) * get(row, c, k), k); }); break;
        case Then::activate: each(n, [=, this](int64_t c, int k) { put(row, c, activate(act, get(row, c, k)), k); }); break;
        case Then::nothing: break;
      }
    }
  }
};

}  // namespace ts::TS_ISA
