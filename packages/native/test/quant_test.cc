#include <cmath>

#include "test.h"

namespace {

using test::Array;

// Formats by their codes: values and bytes of a block, and where its float16 numbers lie. int8 stands last.
struct Layout {
  int64_t values, bytes;
  std::vector<int> halves;
};
const Layout layouts[] = {{32, 34, {0}}, {32, 18, {0}}, {32, 20, {0, 2}}, {256, 144, {0, 2}}, {256, 210, {208}}, {1, 0, {}}};
constexpr int kInt8 = 5;

struct Case {
  int format;
  int64_t rows, cols, group;
};
const Case cases[] = {{0, 1, 32, 0},   {0, 37, 64, 0},  {0, 130, 800, 0}, {1, 17, 32, 0},  {1, 50, 608, 0}, {2, 33, 96, 0},
                      {2, 16, 544, 0}, {3, 5, 256, 0},  {3, 40, 768, 0},  {4, 3, 256, 0},  {4, 48, 512, 0}, {5, 1, 1, 32},
                      {5, 19, 77, 32}, {5, 70, 300, 64}, {5, 33, 545, 600}, {5, 4, 0, 32},  {1, 0, 32, 0},   {0, 6, 0, 0}};

int64_t row_bytes(const Case& c) {
  if (c.format == kInt8) return (c.cols + c.group - 1) / c.group * 4 + c.cols;
  return c.cols / layouts[c.format].values * layouts[c.format].bytes;
}

// Any codes; scales of moderate size and either sign.
Array<uint8_t> file_of(const Case& c, uint32_t seed) {
  std::mt19937 generator(seed);
  Array<uint8_t> out(static_cast<size_t>(c.rows * row_bytes(c)));
  for (size_t i = 0; i < out.size(); ++i) out[i] = static_cast<uint8_t>(generator());
  const auto half = [&] { return static_cast<uint16_t>((generator() & 0x8000u) | (0x1800u + generator() % 0x1000u)); };
  for (int64_t r = 0; r < c.rows; ++r) {
    uint8_t* row = out.data() + r * row_bytes(c);
    if (c.format == kInt8) {
      for (int64_t g = 0; g * c.group < c.cols; ++g) {
        const float scale = 1e-3f * static_cast<float>(1 + generator() % 100);
        std::memcpy(row + g * 4, &scale, 4);
      }
      continue;
    }
    for (int64_t b = 0; b < c.cols / layouts[c.format].values; ++b) {
      for (const int at : layouts[c.format].halves) {
        const uint16_t bits = half();
        std::memcpy(row + b * layouts[c.format].bytes + at, &bits, 2);
      }
    }
  }
  return out;
}

float half_at(const uint8_t* p) {
  uint16_t h;
  std::memcpy(&h, p, 2);
  const float size = std::ldexp(static_cast<float>((h & 0x3ff) | 0x400), ((h >> 10) & 31) - 25);
  return (h & 0x8000) != 0 ? -size : size;
}

// Value (r, k) from the file, as ggml's dequantize_row has it.
float value_at(const Case& c, const Array<uint8_t>& file, int64_t r, int64_t k) {
  const uint8_t* row = file.data() + r * row_bytes(c);
  if (c.format == kInt8) {
    float scale;
    std::memcpy(&scale, row + k / c.group * 4, 4);
    return scale * static_cast<float>(static_cast<int8_t>(row[(c.cols + c.group - 1) / c.group * 4 + k]));
  }
  const Layout& layout = layouts[c.format];
  const uint8_t* b = row + k / layout.values * layout.bytes;
  const int i = static_cast<int>(k % layout.values);
  const auto nibble = [&](int from) { return i < 16 ? b[from + i] & 15 : b[from + i - 16] >> 4; };
  switch (c.format) {
    case 0: return half_at(b) * static_cast<float>(static_cast<int8_t>(b[2 + i]));
    case 1: return half_at(b) * static_cast<float>(nibble(2) - 8);
    case 2: return half_at(b) * static_cast<float>(nibble(4)) + half_at(b + 2);
    case 3: {
      const int j = i / 32;
      const uint8_t* s = b + 4;
      const int scale = j < 4 ? s[j] & 63 : (s[j + 4] & 15) | ((s[j - 4] >> 6) << 4);
      const int low = j < 4 ? s[j + 4] & 63 : (s[j + 4] >> 4) | ((s[j] >> 6) << 4);
      const int q = (b[16 + 32 * (j / 2) + i % 32] >> (4 * (j & 1))) & 15;
      return half_at(b) * static_cast<float>(scale) * static_cast<float>(q) - half_at(b + 2) * static_cast<float>(low);
    }
    default: {
      const int half = i / 128, quarter = i / 32 % 4, l = i % 32;
      const int low = b[64 * half + 32 * (quarter & 1) + l] >> (quarter < 2 ? 0 : 4);
      const int high = b[128 + 32 * half + l] >> (2 * quarter);
      return half_at(b + 208) * static_cast<float>(static_cast<int8_t>(b[192 + i / 16])) *
             static_cast<float>(((low & 15) | ((high & 3) << 4)) - 32);
    }
  }
}

std::vector<double> with_spec(std::vector<double> args, const Case& c) {
  for (const double x : {double(c.format), double(c.rows), double(c.cols), double(c.group)}) args.push_back(x);
  return args;
}

Array<uint8_t> pack(ts::Isa isa, const Case& c, const Array<uint8_t>& file) {
  std::vector<double> sizes = with_spec({}, c);
  CHECK(test::run(isa, "quant_bytes", sizes) == ts::Status::ok);
  CHECK(sizes[1] == double(file.size()));
  Array<uint8_t> panels(static_cast<size_t>(sizes[0]), 0xee);
  CHECK(test::run(isa, "quant_pack", with_spec({file.address(), panels.address()}, c)) == ts::Status::ok);
  return panels;
}

Array<float> dense_of(const Case& c, const Array<uint8_t>& file) {
  Array<float> out(static_cast<size_t>(c.rows * c.cols));
  for (int64_t r = 0; r < c.rows; ++r) {
    for (int64_t k = 0; k < c.cols; ++k) out[static_cast<size_t>(r * c.cols + k)] = value_at(c, file, r, k);
  }
  return out;
}

ts::Status product(ts::Isa isa, const Case& c, const Array<uint8_t>& panels, double x, int dtype, double bias, Array<float>& y, int64_t n,
                   int activations, const std::vector<double>& after = {}) {
  std::vector<double> record = with_spec({x, panels.address(), bias, y.address(), double(n), double(dtype), double(activations)}, c);
  record.insert(record.end(), after.begin(), after.end());
  return test::run(isa, "quant_linear", record);
}

TEST(quantised_weights_unpack_and_dequantise) {
  for (const ts::Isa isa : test::isas()) {
    for (const Case& c : cases) {
      const Array<uint8_t> file = file_of(c, 1);
      const Array<uint8_t> panels = pack(isa, c, file);
      Array<uint8_t> back(file.size(), 0xee);
      CHECK(test::run(isa, "quant_unpack", with_spec({panels.address(), back.address()}, c)) == ts::Status::ok);
      CHECK(back == file);
      const Array<float> want = dense_of(c, file);
      Array<int32_t> ids(static_cast<size_t>(2 * c.rows));
      for (int64_t r = 0; r < c.rows; ++r) {
        ids[static_cast<size_t>(r)] = static_cast<int32_t>(r);
        ids[static_cast<size_t>(c.rows + r)] = static_cast<int32_t>((r * 7 + 3) % c.rows);
      }
      Array<float> rows(static_cast<size_t>(2 * c.rows * c.cols), NAN);
      CHECK(test::run(isa, "quant_rows", with_spec({panels.address(), ids.address(), rows.address(), double(2 * c.rows)}, c)) == ts::Status::ok);
      bool same = true;
      for (int64_t i = 0; i < 2 * c.rows && c.cols > 0; ++i) {
        same = same && std::memcmp(rows.data() + i * c.cols, want.data() + ids[static_cast<size_t>(i)] * c.cols, static_cast<size_t>(c.cols) * 4) == 0;
      }
      if (!same) std::printf("  %s format %d (%d, %d)\n", ts::isa_name(isa), c.format, int(c.rows), int(c.cols));
      CHECK(same);
    }
  }
}

TEST(what_follows_a_quantised_product_has_the_bits_of_the_kernel_behind_it) {
  for (const ts::Isa isa : test::isas()) {
    for (const Case& c : cases) {
      const Array<uint8_t> panels = pack(isa, c, file_of(c, 2));
      const Array<float> bias = test::uniform(static_cast<size_t>(c.rows), 3);
      for (const int64_t n : {1, 5, 12, 35}) {
        const Array<float> x = test::uniform(static_cast<size_t>(n * c.cols), 4), values = test::uniform(static_cast<size_t>(n * c.rows), 5);
        const double size = double(n * c.rows);
        for (int activations = 0; activations < 3; ++activations) {
          Array<float> plain(values.size()), want(values.size()), got(values.size());
          CHECK(product(isa, c, panels, x.address(), 0, bias.address(), plain, n, activations) == ts::Status::ok);
          test::run(isa, "binary", {values.address(), plain.address(), want.address(), size, 0, size});
          CHECK(product(isa, c, panels, x.address(), 0, bias.address(), got, n, activations, {1, values.address(), 0}) == ts::Status::ok);
          CHECK(got == want);
          test::run(isa, "gated", {values.address(), plain.address(), want.address(), size, 1});
          CHECK(product(isa, c, panels, x.address(), 0, bias.address(), got, n, activations, {2, values.address(), 1}) == ts::Status::ok);
          CHECK(got == want);
        }
      }
    }
  }
}

TEST(quantised_products_equal_dense_ones_bit_for_bit) {
  for (const ts::Isa isa : test::isas()) {
    for (const Case& c : cases) {
      const Array<uint8_t> file = file_of(c, 2);
      const Array<uint8_t> panels = pack(isa, c, file);
      const Array<float> dense = dense_of(c, file), bias = test::uniform(static_cast<size_t>(c.rows), 3);
      for (const int64_t n : {0, 1, 2, 3, 4, 5, 14, 15, 30, 70}) {
        const Array<float> x = test::uniform(static_cast<size_t>(n * c.cols), 4);
        Array<uint16_t> narrow(x.size());
        for (size_t i = 0; i < x.size(); ++i) narrow[i] = test::to_bf16(x[i]);
        for (int bits = 0; bits < 4; ++bits) {
          const int compute = bits & 1, dtype = bits >> 1;
          const double from = dtype == 1 ? narrow.address() : x.address();
          Array<float> got(static_cast<size_t>(n * c.rows), NAN), want(got.size(), NAN);
          CHECK(product(isa, c, panels, from, dtype, bias.address(), got, n, compute) == ts::Status::ok);
          test::run(isa, "linear", {from, dense.address(), bias.address(), want.address(), double(n), double(c.rows), double(c.cols), double(dtype), 0, 0, double(compute), 0, 0});
          if (!(got == want)) std::printf("  %s format %d (%d, %d) n %d compute %d\n", ts::isa_name(isa), c.format, int(c.rows), int(c.cols), int(n), compute);
          CHECK(got == want);
        }
      }
    }
  }
}

TEST(int8_activations_round_by_groups_of_32) {
  for (const ts::Isa isa : test::isas()) {
    for (const Case& c : cases) {
      const int64_t n = 65;
      const Array<uint8_t> file = file_of(c, 5);
      const Array<uint8_t> panels = pack(isa, c, file);
      const Array<float> dense = dense_of(c, file), bias = test::uniform(static_cast<size_t>(c.rows), 6);
      Array<float> x = test::uniform(static_cast<size_t>(n * c.cols), 7);
      for (int64_t k = 0; k < c.cols && k < 32; ++k) x[static_cast<size_t>(3 * c.cols + k)] = 0;  // a group of zeros
      Array<float> whole(static_cast<size_t>(n * c.rows), NAN);
      ts::set_threads(1);
      CHECK(product(isa, c, panels, x.address(), 0, bias.address(), whole, n, 2) == ts::Status::ok);
      // The definition, in float64.
      double worst = 0, size = 1e-9;
      for (int64_t i = 0; i < n; ++i) {
        std::vector<double> rounded(static_cast<size_t>(c.cols));
        for (int64_t g = 0; g < c.cols; g += 32) {
          const int64_t end = std::min(g + 32, c.cols);
          float most = 0;
          for (int64_t k = g; k < end; ++k) most = std::max(most, std::fabs(x[static_cast<size_t>(i * c.cols + k)]));
          const float scale = most / 127.0f;
          for (int64_t k = g; k < end && scale > 0; ++k) {
            rounded[static_cast<size_t>(k)] = double(scale) * std::nearbyint(x[static_cast<size_t>(i * c.cols + k)] * (1.0f / scale));
          }
        }
        for (int64_t r = 0; r < c.rows; ++r) {
          double sum = bias[static_cast<size_t>(r)];
          for (int64_t k = 0; k < c.cols; ++k) sum += rounded[static_cast<size_t>(k)] * double(dense[static_cast<size_t>(r * c.cols + k)]);
          worst = std::max(worst, std::fabs(sum - double(whole[static_cast<size_t>(i * c.rows + r)])));
          size = std::max(size, std::fabs(sum));
        }
      }
      if (!(worst <= 4e-6 * size)) std::printf("  %s format %d (%d, %d): off by %g of %g\n", ts::isa_name(isa), c.format, int(c.rows), int(c.cols), worst, size);
      CHECK(worst <= 4e-6 * size);
      // A row alone or among others, with any number of threads.
      for (const int64_t rows : {1, 2, 3, 4, 5, 7, 64}) {
        for (const int threads : {1, 3}) {
          ts::set_threads(threads);
          const int64_t first = n - rows;
          Array<float> some(static_cast<size_t>(rows * c.rows), NAN);
          product(isa, c, panels, x.address() + double(first * c.cols * 4), 0, bias.address(), some, rows, 2);
          CHECK(some.size() == 0 || std::memcmp(some.data(), whole.data() + first * c.rows, some.size() * 4) == 0);
        }
      }
    }
  }
}

TEST(int8_sums_agree_between_instruction_families) {
  // Extremes of codes and activations: 16-bit steps must not saturate.
  for (int format = 0; format < 6; ++format) {
    const Case c{format, 16, 256, 32};
    Array<uint8_t> file = file_of(c, 8);
    const int64_t start = format == kInt8 ? 8 * 4 : 0;
    for (int64_t r = 0; r < c.rows; ++r) {
      for (int64_t k = start; k < row_bytes(c); ++k) {
        bool half = false;
        for (const int at : layouts[format].halves) half = half || (k % layouts[format].bytes - at >= 0 && k % layouts[format].bytes - at < 2);
        if (!half) file[static_cast<size_t>(r * row_bytes(c) + k)] = r % 2 == 0 ? 0xff : 0x80;
      }
    }
    Array<float> x(256, 1.0f);
    for (size_t k = 128; k < 256; ++k) x[k] = -1.0f;
    double sum = 0;
    for (int64_t k = 0; k < 256; ++k) sum += double(value_at(c, file, 1, k)) * (k < 128 ? 1 : -1);
    for (const ts::Isa isa : test::isas()) {
      const Array<uint8_t> panels = pack(isa, c, file);
      Array<float> y(16);
      CHECK(product(isa, c, panels, x.address(), 0, 0, y, 1, 2) == ts::Status::ok);
      CHECK(std::fabs(y[1] - sum) <= 1e-4 * (1 + std::fabs(sum)));
    }
  }
}

TEST(quantised_arguments_are_checked) {
  for (const ts::Isa isa : test::isas()) {
    CHECK(test::run(isa, "quant_bytes", {0, 4, 33, 0}) == ts::Status::value);
    CHECK(test::run(isa, "quant_bytes", {9, 4, 32, 0}) == ts::Status::value);
    CHECK(test::run(isa, "quant_bytes", {5, 4, 100, 33}) == ts::Status::value);
    const Case c{0, 4, 32, 0};
    const Array<uint8_t> panels = pack(isa, c, file_of(c, 9));
    Array<int32_t> ids(1, 4);
    Array<float> out(32);
    CHECK(test::run(isa, "quant_rows", with_spec({panels.address(), ids.address(), out.address(), 1}, c)) == ts::Status::index_out_of_range);
  }
}

}  // namespace
