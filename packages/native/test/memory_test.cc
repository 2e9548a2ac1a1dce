// Memory that runs out where nothing may throw: kernels are built without exceptions, and JavaScript's engine is too.
#include <cstdlib>
#include <new>
#include <vector>

#include "core/memory.h"
#include "core/packed.h"
#include "test.h"

namespace {
thread_local bool heap_is_empty = false;
}

// The library's own containers ask here; blocks come from the system and not from here.
void* operator new(size_t bytes) {
  void* data = heap_is_empty ? nullptr : std::malloc(bytes == 0 ? 1 : bytes);
  if (data == nullptr) throw std::bad_alloc();
  return data;
}
void* operator new(size_t bytes, const std::nothrow_t&) noexcept { return heap_is_empty ? nullptr : std::malloc(bytes == 0 ? 1 : bytes); }
void operator delete(void* data) noexcept { std::free(data); }
void operator delete(void* data, size_t) noexcept { std::free(data); }
void operator delete(void* data, const std::nothrow_t&) noexcept { std::free(data); }

namespace {

TEST(an_empty_heap_is_no_memory_and_no_exception) {
  ts::trim();
  const ts::MemoryStats before = ts::memory_stats();
  // Every size class that can be had, small ones, those that share huge pages, and mappings.
  std::vector<void*> held;
  held.reserve(64);
  for (int i = 0; i < 12; ++i) held.push_back(ts::allocate(size_t{40000} + static_cast<size_t>(i % 3) * 70000));
  for (const size_t bytes : {100u, 5u << 20}) held.push_back(ts::allocate(bytes));
  void* const weight = ts::allocate(640);
  const ts::PackedKey key{weight, 4, 40, 0, 0};

  heap_is_empty = true;
  CHECK(ts::share(weight) == 0);
  CHECK(ts::allocate(size_t{777} << 20) == nullptr);  // a class that no block had yet
  CHECK(!ts::packed_find(weight, key, 640, true).wanted);
  CHECK(!ts::packed_find(weight, key, 640, true).wanted);  // the first was not remembered
  void* const again = ts::allocate(640);
  CHECK(again != nullptr);
  ts::release(again);
  // Neighbours and strays go back, with nothing to note them by.
  for (size_t i = 0; i < held.size(); i += 2) ts::release(held[i]);
  ts::trim();
  for (size_t i = 1; i < held.size(); i += 2) ts::release(held[i]);
  ts::trim();
  heap_is_empty = false;

  CHECK(!ts::packed_find(weight, key, 640, true).wanted);
  CHECK(ts::packed_find(weight, key, 640, true).wanted);
  const uint64_t handle = ts::share(weight);
  CHECK(handle != 0 && ts::attach(handle) == weight);
  ts::release(weight);
  ts::release(weight);
  ts::trim();
  CHECK(ts::memory_stats().live == before.live);
  CHECK(ts::memory_stats().reserved <= before.reserved);
  // What was given back while nothing could be noted is never handed out twice.
  for (void*& block : held) block = ts::allocate(40000);
  for (size_t i = 0; i < held.size(); ++i) std::memset(held[i], static_cast<int>(i), 40000);
  for (size_t i = 0; i < held.size(); ++i) {
    CHECK(static_cast<unsigned char*>(held[i])[0] == i && static_cast<unsigned char*>(held[i])[39999] == i);
    ts::release(held[i]);
  }
}

}  // namespace
