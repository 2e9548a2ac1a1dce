// What a kernel is: a function of an argument record, entered by number from JavaScript.
#pragma once

#include <cstddef>
#include <cstdint>

#include "core/status.h"

namespace ts {

// Longest argument record, in doubles.
constexpr int kMaxArgs = 4096;

// The dtype codes of the ABI, as packages/tensor passes them.
enum class DType : int { float32 = 0, bfloat16 = 1, float16 = 2, int32 = 3, uint8 = 4, boolean = 5 };
constexpr int kDTypeCount = 6;
inline size_t dtype_bytes(DType dtype) {
  constexpr size_t bytes[kDTypeCount] = {4, 2, 2, 4, 1, 1};
  return bytes[static_cast<int>(dtype)];
}

// A record of doubles: addresses (user space fits in 53 bits; 0 is null), sizes, flags, numbers. Results that are not
// arrays are written back into the record.
class Args {
 public:
  explicit Args(double* values) : values_(values) {}
  template <class T>
  T* ptr(int index) const {
    return reinterpret_cast<T*>(static_cast<uintptr_t>(values_[index]));
  }
  int64_t size(int index) const { return static_cast<int64_t>(values_[index]); }
  int32_t integer(int index) const { return static_cast<int32_t>(values_[index]); }
  // For 32-bit words of random keys, which exceed int32.
  uint32_t word(int index) const { return static_cast<uint32_t>(static_cast<int64_t>(values_[index])); }
  float number(int index) const { return static_cast<float>(values_[index]); }
  double real(int index) const { return values_[index]; }
  bool flag(int index) const { return values_[index] != 0; }
  DType dtype(int index) const { return static_cast<DType>(static_cast<int>(values_[index])); }
  void set(int index, double value) { values_[index] = value; }

 private:
  double* values_;
};

using KernelFn = Status (*)(Args& args);

struct KernelEntry {
  const char* name;
  KernelFn fn;
};

struct KernelTable {
  const KernelEntry* entries;
  int count;
};

}  // namespace ts

// Ends a family's file src/kernels/<family>.cc, which is compiled once per instruction family with TS_ISA as the
// namespace of everything in it: TS_KERNELS(norms, {"layer_norm", layer_norm}, …)
// The table is constant data: an object built for AVX-512 must run no code when an older machine loads it.
#define TS_KERNELS(family, ...)                                                          \
  namespace ts::TS_ISA {                                                                 \
  static constexpr KernelEntry family##_entries[] = {__VA_ARGS__};                       \
  extern const KernelTable family##_table;                                               \
  constinit const KernelTable family##_table = {                                         \
      family##_entries, static_cast<int>(sizeof family##_entries / sizeof(KernelEntry))}; \
  }
