#include "core/memory.h"

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

#include "core/packed.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif
#if defined(_WIN32)
#include <malloc.h>
#endif

namespace ts {
namespace {

// Written in front of the data, one cache line long so that the data keeps its alignment.
struct alignas(kAlignment) Header {
  size_t bytes;     // asked for
  size_t capacity;  // of the size class
  uint64_t handle;  // 0: not shared
  std::atomic<int64_t> references;
  std::atomic<uint64_t> version;
  std::atomic<bool> packed;
};
static_assert(sizeof(Header) == kAlignment);

// From this size, blocks start on huge-page boundaries and ask for huge pages: packed panels touch many pages at once.
constexpr size_t kHuge = size_t{4} << 20;
constexpr size_t kHugePage = size_t{2} << 20;

// Cached memory beyond both of these is given back when a block must come from the system.
constexpr uint64_t kCacheFloor = uint64_t{256} << 20;

struct Heap {
  std::mutex mutex;
  std::unordered_map<size_t, std::vector<Header*>> cache;  // by capacity
  std::unordered_map<uint64_t, Header*> shared;
  uint64_t next_handle = 1;
  uint64_t live = 0, peak = 0, reserved = 0, cached = 0;
};

// Never destroyed: environments of worker threads may outlive static destruction.
Heap& heap() {
  static Heap* instance = new Heap;
  return *instance;
}

Header* header_of(const void* data) {
  return reinterpret_cast<Header*>(const_cast<char*>(static_cast<const char*>(data)) - sizeof(Header));
}
void* data_of(Header* header) { return reinterpret_cast<char*>(header) + sizeof(Header); }

// Eight classes per doubling: at most 12.5% above the request, and steps of a training loop meet the same classes.
size_t class_of(size_t bytes) {
  if (bytes <= 512) return (bytes + 63) / 64 * 64 + (bytes == 0 ? 64 : 0);
  size_t step = 64;
  while (step * 16 < bytes) step *= 2;
  return (bytes + step - 1) / step * step;
}

void* system_allocate(size_t capacity) {
  const size_t total = capacity + sizeof(Header);
#if defined(_WIN32)
  return _aligned_malloc(total, kAlignment);
#else
  void* raw = nullptr;
  const size_t alignment = capacity >= kHuge ? kHugePage : kAlignment;
  if (posix_memalign(&raw, alignment, total) != 0) return nullptr;
#if defined(__linux__) && defined(MADV_HUGEPAGE)
  if (capacity >= kHuge) madvise(raw, total / kHugePage * kHugePage, MADV_HUGEPAGE);
#endif
  return raw;
#endif
}

void system_free(Header* header) {
#if defined(_WIN32)
  _aligned_free(header);
#else
  std::free(header);
#endif
}

void trim_locked(Heap& h) {
  for (auto& [capacity, list] : h.cache) {
    for (Header* header : list) {
      h.reserved -= capacity + sizeof(Header);
      h.cached -= capacity;
      system_free(header);
    }
    list.clear();
  }
}

}  // namespace

void* allocate(size_t bytes) {
  if (bytes > (size_t{1} << 46)) return nullptr;
  const size_t capacity = class_of(bytes);
  Heap& h = heap();
  std::lock_guard lock(h.mutex);
  Header* header = nullptr;
  const auto found = h.cache.find(capacity);
  if (found != h.cache.end() && !found->second.empty()) {
    header = found->second.back();
    found->second.pop_back();
    h.cached -= capacity;
  } else {
    if (h.cached > kCacheFloor && h.cached > h.live / 2) trim_locked(h);
    void* raw = system_allocate(capacity);
    if (raw == nullptr) {
      trim_locked(h);
      raw = system_allocate(capacity);
      if (raw == nullptr) return nullptr;
    }
    header = new (raw) Header;
    h.reserved += capacity + sizeof(Header);
  }
  header->bytes = bytes;
  header->capacity = capacity;
  header->handle = 0;
  header->references.store(1, std::memory_order_relaxed);
  header->version.store(0, std::memory_order_relaxed);
  header->packed.store(false, std::memory_order_relaxed);
  h.live += bytes;
  if (h.live > h.peak) h.peak = h.live;
  return data_of(header);
}

void retain(void* data) { header_of(data)->references.fetch_add(1, std::memory_order_relaxed); }

void release(void* data) {
  Header* header = header_of(data);
  Heap& h = heap();
  {
    // Under the lock, or attach() could find a block whose count has just reached zero.
    std::lock_guard lock(h.mutex);
    if (header->references.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
    if (header->handle != 0) h.shared.erase(header->handle);
  }
  // Nobody else knows the block now. Its packed forms are blocks too, so they go while the lock is free.
  if (header->packed.load(std::memory_order_relaxed)) packed_drop(data);
  std::lock_guard lock(h.mutex);
  h.live -= header->bytes;
  h.cached += header->capacity;
  h.cache[header->capacity].push_back(header);
}

uint64_t block_version(const void* data) { return header_of(data)->version.load(std::memory_order_acquire); }
void raise_block_version(void* data) { header_of(data)->version.fetch_add(1, std::memory_order_acq_rel); }
void mark_packed(void* data) { header_of(data)->packed.store(true, std::memory_order_relaxed); }

size_t allocated_bytes(const void* data) { return header_of(data)->bytes; }

uint64_t share(void* data) {
  Header* header = header_of(data);
  Heap& h = heap();
  std::lock_guard lock(h.mutex);
  if (header->handle == 0) {
    header->handle = h.next_handle++;
    h.shared.emplace(header->handle, header);
  }
  return header->handle;
}

void* attach(uint64_t handle) {
  Heap& h = heap();
  std::lock_guard lock(h.mutex);
  const auto found = h.shared.find(handle);
  if (found == h.shared.end()) return nullptr;
  found->second->references.fetch_add(1, std::memory_order_relaxed);
  return data_of(found->second);
}

MemoryStats memory_stats() {
  Heap& h = heap();
  std::lock_guard lock(h.mutex);
  return {h.live, h.peak, h.reserved};
}

void reset_peak() {
  Heap& h = heap();
  std::lock_guard lock(h.mutex);
  h.peak = h.live;
}

void trim() {
  Heap& h = heap();
  std::lock_guard lock(h.mutex);
  trim_locked(h);
}

}  // namespace ts
