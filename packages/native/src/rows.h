// Walking a row in vectors: whole ones by plain loads and stores, the tail by masked ones.
#pragma once

#include "simd.h"

namespace ts::TS_ISA {

// n values from i: all lanes, or the first n with zeros behind.
TS_INLINE vf get(const float* p, int64_t i, int n) { return n == kLanes ? load(p + i) : load_n(p + i, n); }
TS_INLINE void put(float* p, int64_t i, vf x, int n) {
  if (n == kLanes) store(p + i, x);
  else store_n(p + i, x, n);
}

// body(i, n) over [0, size), on this thread.
template <class F>
TS_INLINE void each(int64_t size, const F& body) {
  int64_t i = 0;
  for (; i + kLanes <= size; i += kLanes) body(i, kLanes);
  if (i < size) body(i, static_cast<int>(size - i));
}

}  // namespace ts::TS_ISA
