// A caching allocator of aligned blocks, process-wide: blocks are reference-counted, so that several threads' JavaScript
// environments can hold the same memory.
#pragma once

#include <cstddef>
#include <cstdint>

namespace ts {

// Covers a cache line and the widest vector.
constexpr size_t kAlignment = 64;

struct MemoryStats {
  uint64_t live;      // bytes asked for and not released
  uint64_t peak;      // most live bytes since the last reset
  uint64_t reserved;  // bytes taken from the system, the cache's included
};

// Uninitialised memory with one reference, or nullptr where the system has none. bytes = 0 gives a valid address.
void* allocate(size_t bytes);
// Drops one reference; at zero the memory goes to the cache.
void release(void* data);
// Adds a reference.
void retain(void* data);
size_t allocated_bytes(const void* data);

// For packed.cc. The version counts in-place writes; a marked block drops its packed forms when it dies.
uint64_t block_version(const void* data);
void raise_block_version(void* data);
void mark_packed(void* data);

// A process-wide name of a live block; the same for every call on it; 0: no memory. It becomes unknown when the block dies.
uint64_t share(void* data);
// Adds a reference to the block of that name; nullptr if there is none.
void* attach(uint64_t handle);

MemoryStats memory_stats();
void reset_peak();
// Gives cached blocks back to the system.
void trim();

// Temporary memory of one kernel call.
class Scratch {
 public:
  explicit Scratch(size_t bytes) : data_(allocate(bytes)) {}
  ~Scratch() {
    if (data_ != nullptr) release(data_);
  }
  Scratch(const Scratch&) = delete;
  Scratch& operator=(const Scratch&) = delete;
  explicit operator bool() const { return data_ != nullptr; }
  template <class T>
  T* as(size_t byte_offset = 0) const {
    return reinterpret_cast<T*>(static_cast<char*>(data_) + byte_offset);
  }

 private:
  void* data_;
};

}  // namespace ts
