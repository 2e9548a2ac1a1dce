// isa: avx512vnni avx512bf16 amx
// Quantised weights: packing, rows, and products straight from the packed form.
#include "quant.h"

#include "core/memory.h"
#include "core/pool.h"
#include "gemm.h"
#include "kernels/gemm_layout.h"
#include "kernels/quant_gemv.h"
#include "kernels/quant_int8.h"
#if defined(TS_TILES)
#include "kernels/quant_amx.h"
#endif

namespace ts::TS_ISA {
namespace {

struct Weight {
  QuantSpec spec;
  const uint8_t* data;
  const uint8_t* panel(int64_t index) const { return data + index * panel_bytes(spec); }
};

// args from `at`: format, rows, columns, group. False where they make no sense.
bool read_spec(const Args& args, int at, QuantSpec& s) {
  const int format = args.integer(at);
  if (format < 0 || format >= kFormatCount) return false;
  s = {static_cast<Format>(format), args.size(at + 1), args.size(at + 2), args.size(at + 3)};
  if (s.rows < 0 || s.cols < 0) return false;
  if (s.format == Format::int8) {
    if (s.group >= s.cols) s.group = kMaxInt8Cols + 1;  // one scale per row, whatever the number says
    return s.group > 0 && s.cols <= kMaxInt8Cols && s.group % kUnit == 0;
  }
  return s.cols % kBlockShapes[format].values == 0;
}
Status bad_spec(const char* kernel) { return fail(Status::value, "[%s] format, shape and group size do not fit", kernel); }

// ---- File layout to panels and back: `move(file, panel, bytes)` for every piece of one row.
template <class Move>
void each_piece(const QuantSpec& s, int64_t row, const Move& move) {
  const int64_t lane = row % kPanelRows;
  if (s.format == Format::int8) {
    const int64_t groups = groups_of(s);
    for (int64_t g = 0; g < groups; ++g) move(g * 4, (g * kPanelRows + lane) * 4, 4);
    for (int64_t w = 0; w * 4 < s.cols; ++w) {
      move(groups * 4 + w * 4, ((groups + w) * kPanelRows + lane) * 4, min64(4, s.cols - w * 4));
    }
    return;
  }
  const BlockShape& b = kBlockShapes[static_cast<int>(s.format)];
  for (int64_t i = 0; i < s.cols / b.values; ++i) {
    const int64_t file = i * b.bytes, panel = i * b.bytes * kPanelRows;
    for (int64_t h = 0; h < b.halves; ++h) move(file + b.half_at + h * 2, panel + (h * kPanelRows + lane) * 2, 2);
    const int64_t words = panel + b.halves * 2 * kPanelRows;
    for (int64_t w = 0; w < b.words; ++w) move(file + b.word_at + w * 4, words + (w * kPanelRows + lane) * 4, 4);
  }
}

// args: 0 file layout, 1 panels out, 2 format, 3 rows, 4 columns, 5 group. Panels take panels * panel bytes, which
// quant_bytes gives.
Status quant_pack(Args& args) {
  QuantSpec s;
  if (!read_spec(args, 2, s)) return bad_spec("quant_pack");
  const uint8_t* file = args.ptr<const uint8_t>(0);
  uint8_t* out = args.ptr<uint8_t>(1);
  parallel_for(panels_of(s), 4, [&](int64_t begin, int64_t end, int) {
    const int64_t size = panel_bytes(s), row_bytes = file_row_bytes(s);
    for (int64_t p = begin; p < end; ++p) {
      std::memset(out + p * size, 0, static_cast<size_t>(size));
      for (int64_t row = p * kPanelRows; row < min64(s.rows, (p + 1) * kPanelRows); ++row) {
        each_piece(s, row, [&](int64_t from, int64_t to, int64_t bytes) {
          std::memcpy(out + p * size + to, file + row * row_bytes + from, static_cast<size_t>(bytes));
        });
      }
    }
  });
  return Status::ok;
}

// args: 0 panels, 1 file layout out, 2 format, 3 rows, 4 columns, 5 group.
Status quant_unpack(Args& args) {
  QuantSpec s;
  if (!read_spec(args, 2, s)) return bad_spec("quant_unpack");
  const Weight weight{s, args.ptr<const uint8_t>(0)};
  uint8_t* file = args.ptr<uint8_t>(1);
  parallel_for(s.rows, 64, [&](int64_t begin, int64_t end, int) {
    for (int64_t row = begin; row < end; ++row) {
      const uint8_t* panel = weight.panel(row / kPanelRows);
      each_piece(s, row, [&](int64_t to, int64_t from, int64_t bytes) {
        std::memcpy(file + row * file_row_bytes(s) + to, panel + from, static_cast<size_t>(bytes));
      });
    }
  });
  return Status::ok;
}

// args: 0 format, 1 rows, 2 columns, 3 group. Writes the bytes of the packed form into 0, those of the file layout into 1.
Status quant_bytes(Args& args) {
  QuantSpec s;
  if (!read_spec(args, 0, s)) return bad_spec("quant_bytes");
  args.set(0, static_cast<double>(panels_of(s) * panel_bytes(s)));
  args.set(1, static_cast<double>(s.rows * file_row_bytes(s)));
  return Status::ok;
}

// `count` rows from `row`, all within one vector of a panel, into out, rows `cols` floats apart.
template <class F>
void dequantize_rows(const Weight& weight, int64_t row, int64_t count, float* out) {
  const F f(weight.panel(row / kPanelRows), weight.spec);
  const int64_t cols = weight.spec.cols;
  const int lane = static_cast<int>(row % kPanelRows), base = lane / kLanes * kLanes;
  for (int64_t u = 0; u < units_of(weight.spec); ++u) {
    float values[kUnit][kLanes];
    dequantize_unit(f, u, base, [&](int k, vf x) { store(values[k], x); });
    const int64_t n = min64(kUnit, cols - u * kUnit);
    for (int64_t r = 0; r < count; ++r) {
      for (int64_t k = 0; k < n; ++k) out[r * cols + u * kUnit + k] = values[k][lane - base + r];
    }
  }
}

// args: 0 panels, 1 rows to look up int32[n], 2 out (n, columns), 3 n, 4 format, 5 rows, 6 columns, 7 group.
Status quant_rows(Args& args) {
  QuantSpec s;
  if (!read_spec(args, 4, s)) return bad_spec("quant_rows");
  const Weight weight{s, args.ptr<const uint8_t>(0)};
  const int32_t* ids = args.ptr<const int32_t>(1);
  float* out = args.ptr<float>(2);
  const int64_t n = args.size(3);
  for (int64_t i = 0; i < n; ++i) {
    if (ids[i] < 0 || ids[i] >= s.rows) {
      return fail(Status::index_out_of_range, "[quant_rows] expected rows below %lld, got %d", static_cast<long long>(s.rows), ids[i]);
    }
  }
  parallel_for(n, 4 * kPanelRows, [&](int64_t begin, int64_t end, int) {
    with_format(s.format, [&]<class F>() {
      for (int64_t i = begin; i < end;) {
        // A run of neighbours in one vector is decoded once.
        int64_t count = 1;
        while (i + count < end && ids[i + count] == ids[i] + count && ids[i + count] % kLanes != 0) ++count;
        dequantize_rows<F>(weight, ids[i], count, out + i * s.cols);
        i += count;
      }
    });
  });
  return Status::ok;
}

// ---- float32 and bfloat16 activations: panels of the matrix product are made from the packed form, a block of the sum at a
// time. So the sum is that of the product with the dequantised weight, to the bit.
template <class T>
void put_words(uint32_t* out, int64_t stride, int k, int64_t valid, vf x, vu& even) {
  const vu word = k < valid ? bits<vu>(x) : vu{};
  if constexpr (T::per_word == 1) {
    if (k < valid) std::memcpy(out + k * stride, &word, sizeof word);
  } else {
    if ((k & 1) == 0) {
      even = word;
    } else if (T::step > 1 || k - 1 < valid) {
      const vu pair = (word & 0xffff0000u) | (even >> 16);
      std::memcpy(out + (k / 2) * stride, &pair, sizeof pair);
    }
  }
}

template <class T, class F>
void fill_panels(const Weight& weight, int64_t column, int64_t n, int64_t k0, int64_t k, int64_t first, int64_t last, uint32_t* out) {
  for (int64_t panel = first; panel < last; ++panel) {
    for (int v = 0; v < kTileV; ++v) {
      const int64_t lane = panel * kTileN + v * kLanes, row = column + lane;
      uint32_t* place = out + panel * words_of<T>(k) * kTileN + v * kLanes;
      if (lane >= n) {
        for (int64_t w = 0; w < words_of<T>(k); ++w) std::memset(place + w * kTileN, 0, sizeof(vu));
        continue;
      }
      const F f(weight.panel(row / kPanelRows), weight.spec);
      for (int64_t at = 0; at < k; at += kUnit) {
        uint32_t* unit = place + at / T::per_word * kTileN;
        vu even{};
        const int64_t valid = min64(kUnit, k - at);
        dequantize_unit(f, (k0 + at) / kUnit, static_cast<int>(row % kPanelRows), [&](int i, vf x) {
          put_words<T>(unit, kTileN, i, valid, T::per_word == 2 ? round_bf16(x) : x, even);
        });
      }
    }
  }
}

void fill(const void* source, Compute compute, int64_t column, int64_t n, int64_t k0, int64_t k, int64_t first, int64_t last, void* out) {
  const Weight& weight = *static_cast<const Weight*>(source);
  with_format(weight.spec.format, [&]<class F>() {
    if (compute == Compute::bfloat16) {
      fill_panels<BFloat16, F>(weight, column, n, k0, k, first, last, static_cast<uint32_t*>(out));
    } else {
      fill_panels<Float32, F>(weight, column, n, k0, k, first, last, static_cast<uint32_t*>(out));
    }
  });
}
// Columns start at multiples of kTileN, so that a vector of a tile lies within one panel.
static_assert(kPanelRows % kLanes == 0 && kTileN % kLanes == 0);

// args: 0 x (n, k), 1 panels, 2 bias float32 (m) or 0, 3 y (n, m) float32, 4 n, 5 dtype of x (int8 activations: float32),
// 6 activations: 0 float32, 1 bfloat16, 2 int8, 7 format, 8 rows m, 9 columns k, 10 group, 11… what follows.
Status quant_linear(Args& args) {
  QuantSpec s;
  if (!read_spec(args, 7, s)) return bad_spec("quant_linear");
  const Weight weight{s, args.ptr<const uint8_t>(1)};
  const int64_t n = args.size(4);
  const int activations = args.integer(6);
  const DType dtype = args.dtype(5);
  const Epilogue after = Epilogue::read(args, 11, s.rows);
  if (activations == 2) {
    if (dtype != DType::float32) return fail(Status::dtype, "[quant_linear] expected float32 for int8 activations");
#if defined(TS_TILES)
    if (n >= kTileRowsWorth) return int8_tiles(s, weight.data, args.ptr<const float>(0), args.ptr<const float>(2), args.ptr<float>(3), n, after);
#endif
    return int8_product(s, weight.data, args.ptr<const float>(0), args.ptr<const float>(2), args.ptr<float>(3), n, after);
  }
  if (n > 0 && n <= kGemvRows && s.rows > 0) {
    const float* bias = args.ptr<const float>(2);
    float* y = args.ptr<float>(3);
    return activations == 1 ? gemv_product<BFloat16>(s, weight.data, args.ptr<void>(0), dtype, bias, y, n, after)
                            : gemv_product<Float32>(s, weight.data, args.ptr<void>(0), dtype, bias, y, n, after);
  }
  const PanelSource source{fill, &weight};
  return multiply({n, s.rows, s.cols, Matrix{args.ptr<void>(0), dtype, s.cols, 1}, Matrix{nullptr, DType::float32, 1, 1}, nullptr,
                   args.ptr<void>(3), s.rows, DType::float32, args.ptr<float>(2), activations == 1 ? Compute::bfloat16 : Compute::float32,
                   false, &source, after});
}

}  // namespace
}  // namespace ts::TS_ISA

TS_KERNELS(quant, {"quant_bytes", quant_bytes}, {"quant_pack", quant_pack}, {"quant_unpack", quant_unpack},
           {"quant_rows", quant_rows}, {"quant_linear", quant_linear})
