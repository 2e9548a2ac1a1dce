// Where panels of B come from: a matrix, or a weight kept in another form.
#pragma once

#include "kernels/gemm_pack.h"

namespace ts::TS_ISA {

// An operand from column or row `first` on.
inline Matrix columns(const Matrix& x, int64_t first) {
  const size_t offset = static_cast<size_t>(first * x.col_stride) * dtype_bytes(x.dtype);
  return {static_cast<const char*>(x.data) + offset, x.dtype, x.row_stride, x.col_stride};
}
inline Matrix rows(const Matrix& x, int64_t first) {
  const size_t offset = static_cast<size_t>(first * x.row_stride) * dtype_bytes(x.dtype);
  return {static_cast<const char*>(x.data) + offset, x.dtype, x.row_stride, x.col_stride};
}

// Panels [first, last) of B from column j on, n columns, places k0 … k0 + k.
template <class T>
void make_b_panels(const Product& p, int64_t j, int64_t n, int64_t k0, int64_t k, int64_t first, int64_t last, void* out) {
  if (p.source != nullptr) return p.source->fill(p.source->weight, T::compute, j, n, k0, k, first, last, out);
  pack_b_panels<T>(rows(columns(p.b, j), k0), n, k, first, last, out);
}

#if defined(TS_TILES)
// Whole values are made a few at a time, so that they are read back from the first-level cache and rows of B a good way straight on.
template <>
inline void make_b_panels<Float32Parts>(const Product& p, int64_t j, int64_t n, int64_t k0, int64_t k, int64_t first, int64_t last,
                                        void* out) {
  constexpr int64_t kPanels = 4, kPlaces = 2 * Float32Parts::places, kStepWords = Float32Parts::step * kTileN;
  const int64_t panel_words = words_of<Float32Parts>(k) * kTileN;
  alignas(64) float values[kPanels * kPlaces * kTileN];
  for (int64_t from = first; from < last; from += kPanels) {
    const int64_t count = min64(kPanels, last - from);
    for (int64_t at = 0; at < k; at += kPlaces) {
      const int64_t places = min64(kPlaces, k - at);
      make_b_panels<Float32>(p, j + from * kTileN, n - from * kTileN, k0 + at, places, 0, count, values);
      for (int64_t panel = 0; panel < count; ++panel) {
        uint32_t* const step = static_cast<uint32_t*>(out) + (from + panel) * panel_words + at / Float32Parts::places * kStepWords;
        for (int64_t i = 0; i < places; i += Float32Parts::places) {
          split_step(values + (panel * places + i) * kTileN, places - i, step + i / Float32Parts::places * kStepWords);
        }
      }
    }
  }
}
#endif

}  // namespace ts::TS_ISA
