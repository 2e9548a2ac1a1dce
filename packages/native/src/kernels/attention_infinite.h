// Values that are not finite. A masked key or query has weight 0, and 0 times infinity or NaN would reach rows that do not
// see it: such values are taken out of a product's rows (zeros stay) and given back, one by one, to what sees them.
#pragma once

#include "simd.h"

namespace ts::TS_ISA {

TS_INLINE vi not_finite(vf x) { return (bits<vi>(x) & 0x7f800000) == 0x7f800000; }

TS_INLINE bool any_lane(vi mask) {
  int32_t lanes[kLanes], any = 0;
  store(lanes, mask);
  for (int i = 0; i < kLanes; ++i) any |= lanes[i];
  return any != 0;
}

// Rows of `padded` float32; flags[j] says which rows lost something. False if none did: then flags are not written.
inline bool take_out(float* rows, int64_t count, int64_t padded, uint8_t* flags) {
  vi any{};
  for (int64_t i = 0; i < count * padded; i += kLanes) any |= not_finite(load(rows + i));
  if (!any_lane(any)) return false;
  for (int64_t j = 0; j < count; ++j) {
    vi own{};
    for (int64_t d = 0; d < padded; d += kLanes) {
      const vf x = load(rows + j * padded + d);
      own |= not_finite(x);
      store(rows + j * padded + d, select(not_finite(x), vf{}, x));
    }
    flags[j] = any_lane(own);
  }
  return true;
}
// The same for what stage_pairs made, of a single row and of all.
inline bool take_out_row(uint32_t* pairs, int64_t padded, int64_t j) {
  uint16_t* halves = reinterpret_cast<uint16_t*>(pairs + j / 2 * padded) + j % 2;
  bool lost = false;
  for (int64_t d = 0; d < padded; ++d) {
    if ((halves[2 * d] & 0x7f80u) != 0x7f80u) continue;
    halves[2 * d] = 0;
    lost = true;
  }
  return lost;
}
inline bool take_out(uint32_t* pairs, int64_t count, int64_t padded, uint8_t* flags) {
  vi any{};
  for (int64_t i = 0; i < (count + 1) / 2 * padded; i += kLanes) {
    const vi words = load(reinterpret_cast<const int32_t*>(pairs) + i);
    any |= ((words & 0x7f80) == 0x7f80) | ((words & 0x7f800000) == 0x7f800000);
  }
  if (!any_lane(any)) return false;
  for (int64_t j = 0; j < count; ++j) flags[j] = take_out_row(pairs, padded, j);
  return true;
}
// sums += weight * value where the value was taken out; value(d) gives kLanes of them.
template <class Value>
TS_INLINE void give_back(float* sums, int64_t padded, float weight, const Value& value) {
  for (int64_t d = 0; d < padded; d += kLanes) {
    const vf v = value(d), sum = load(sums + d);
    store(sums + d, select(not_finite(v), fma(splat(weight), v, sum), sum));
  }
}

}  // namespace ts::TS_ISA
