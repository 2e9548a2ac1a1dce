#include "test.h"

#include <algorithm>

namespace test {
namespace {

struct Case {
  const char* name;
  Body body;
};

std::vector<Case>& cases() {
  static std::vector<Case> list;
  return list;
}

int failures = 0;

// Families that were built with emulated.h before them, which need no more than AVX-512 with VNNI (scripts/test-cpp.mjs).
bool emulated(ts::Isa isa) {
  const std::initializer_list<ts::Isa> list = {TS_EMULATED};
  return std::find(list.begin(), list.end(), isa) != list.end();
}

}  // namespace

bool add(const char* name, Body body) {
  cases().push_back({name, body});
  return true;
}

void failed(const char* file, int line, const char* what) {
  if (++failures <= 50) std::printf("FAILED %s:%d: %s\n", file, line, what);
}

std::vector<ts::Isa> isas() {
  std::vector<ts::Isa> out;
  for (int i = 0; i < ts::kIsaCount; ++i) {
    const auto isa = static_cast<ts::Isa>(i);
    if ((ts::isa_supported(isa) || emulated(isa)) && ts::kernel_count(isa) > 0) out.push_back(isa);
  }
  return out;
}

Array<float> uniform(size_t n, uint32_t seed) {
  std::mt19937 generator(seed);
  Array<float> out(n);
  for (size_t i = 0; i < n; ++i) out[i] = static_cast<float>(generator() >> 8) * 0x1p-23f - 1.0f;
  return out;
}

uint16_t to_bf16(float x) {
  uint32_t u;
  std::memcpy(&u, &x, 4);
  return static_cast<uint16_t>((u + 0x7fffu + ((u >> 16) & 1u)) >> 16);
}

float from_bf16(uint16_t x) {
  const uint32_t u = static_cast<uint32_t>(x) << 16;
  float out;
  std::memcpy(&out, &u, 4);
  return out;
}

ts::Status run(ts::Isa isa, const char* name, std::vector<double>& args) {
  const int id = ts::find_kernel(isa, name);
  if (id < 0) {
    failed(name, 0, "no such kernel");
    return ts::Status::unknown_kernel;
  }
  // What a test leaves out is 0.
  if (args.size() < ts::kMaxArgs) args.resize(ts::kMaxArgs);
  ts::Args record(args.data());
  ts::begin_kernel();
  return ts::kernel(isa, id).fn(record);
}

}  // namespace test

int main(int argc, char** argv) {
  int run = 0;
  for (const auto& item : test::cases()) {
    if (argc > 1 && std::strstr(item.name, argv[1]) == nullptr) continue;
    const int before = test::failures;
    item.body();
    ++run;
    if (test::failures != before) std::printf("FAILED %s\n", item.name);
  }
  std::printf("native: %d tests, %d failed checks; families:", run, test::failures);
  for (const ts::Isa isa : test::isas()) std::printf(" %s%s", ts::isa_name(isa), test::emulated(isa) ? " (emulated)" : "");
  std::printf("\n");
  return test::failures == 0 && run > 0 ? 0 : 1;
}
