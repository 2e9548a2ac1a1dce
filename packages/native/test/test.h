// A small test runner: TEST(name) { … CHECK(…) }, and helpers to call kernels of any instruction family that runs here.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstring>
#include <random>
#include <vector>

#include "core/dispatch.h"
#include "core/memory.h"
#include "core/pool.h"

namespace test {

using Body = void (*)();
bool add(const char* name, Body body);
void failed(const char* file, int line, const char* what);

#define TEST(name)                                             \
  static void name();                                          \
  static const bool name##_added = ::test::add(#name, name);   \
  static void name()
#define CHECK(condition)                                                  \
  do {                                                                    \
    if (!(condition)) ::test::failed(__FILE__, __LINE__, #condition);     \
  } while (false)

// Families that were built and run on this machine, `wide` included.
std::vector<ts::Isa> isas();

// Memory of the exact size: a sanitizer sees the first byte past it. (The allocator's own classes would hide that.)
template <class T>
class Array {
 public:
  explicit Array(size_t n, T fill = T{}) : n_(n), data_(new T[n == 0 ? 1 : n]) {
    for (size_t i = 0; i < n; ++i) data_[i] = fill;
  }
  ~Array() { delete[] data_; }
  Array(const Array&) = delete;
  Array& operator=(const Array&) = delete;
  Array(Array&& other) noexcept : n_(other.n_), data_(other.data_) { other.data_ = nullptr; }
  T& operator[](size_t i) { return data_[i]; }
  const T& operator[](size_t i) const { return data_[i]; }
  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return n_; }
  double address() const { return static_cast<double>(reinterpret_cast<uintptr_t>(data_)); }
  bool operator==(const Array& other) const { return n_ == other.n_ && std::memcmp(data_, other.data_, n_ * sizeof(T)) == 0; }

 private:
  size_t n_;
  T* data_;
};

// Uniform in [-1, 1), the same for every run.
Array<float> uniform(size_t n, uint32_t seed);
uint16_t to_bf16(float x);
float from_bf16(uint16_t x);

// Runs a kernel by name over an argument record.
ts::Status run(ts::Isa isa, const char* name, std::vector<double>& args);
inline ts::Status run(ts::Isa isa, const char* name, std::vector<double>&& args) { return run(isa, name, args); }

}  // namespace test
