#include "core/memory.h"

#include <atomic>
#include <cstdlib>
#include <iterator>
#include <map>
#include <mutex>
#include <new>
#include <unordered_map>

#include "core/arena.h"
#include "core/packed.h"

#if defined(_WIN32)
#include <malloc.h>
#else
#include <sys/mman.h>
#endif

namespace ts {
namespace {

// Written in front of the data, one cache line long so that the data keeps its alignment.
struct alignas(kAlignment) Header {
  size_t bytes;     // asked for
  size_t capacity;  // of the size class
  uint64_t handle;  // 0: not shared
  Header* next;     // in the cache
  std::atomic<int64_t> references;
  std::atomic<uint64_t> version;
  std::atomic<bool> packed;
};
static_assert(sizeof(Header) == kAlignment);

// From this size, blocks are mappings of their own, so that giving one back shrinks the process: the C library may keep
// freed memory in its heap. They start on huge-page boundaries and ask for huge pages: packed panels touch many pages at
// once.
constexpr size_t kHuge = size_t{4} << 20;

// From this size, a cached block up to a quarter larger is taken for one.
constexpr size_t kLarge = size_t{1} << 20;

// Cached memory beyond both of these is given back when a block must come from the system.
constexpr uint64_t kCacheFloor = uint64_t{256} << 20;

// How much more may be held than the most that was ever in use at one time: this and an eighth of that. The phases of a
// training step want other sizes, and what is given back between them comes again as pages that the system has to clear.
constexpr uint64_t kSlack = uint64_t{64} << 20;
uint64_t most_held(uint64_t most_used) { return most_used + most_used / 8 + kSlack; }

struct Heap {
  std::mutex mutex;
  // Lists by capacity. A class keeps its place once it has had a block, so that giving one back allocates nothing.
  std::map<size_t, Header*> cache;
  std::unordered_map<uint64_t, Header*> shared;
  uint64_t next_handle = 1;
  uint64_t live = 0, peak = 0, reserved = 0, cached = 0;
  uint64_t most_used = 0;  // of reserved - cached, ever
};

// Never destroyed: environments of worker threads may outlive static destruction.
Heap& heap() {
  alignas(Heap) static unsigned char place[sizeof(Heap)];
  static Heap* instance = new (place) Heap;
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

#if !defined(_WIN32) && !defined(__SANITIZE_ADDRESS__)
#define TS_MAPPED 1
constexpr size_t kPage = size_t{1} << 16;  // the largest page size of the systems that we run on

size_t mapped_bytes(size_t capacity) { return (capacity + sizeof(Header) + kPage - 1) / kPage * kPage; }

// From this size, smaller blocks than those share stretches of huge pages.
constexpr size_t kShared = size_t{32} << 10;

// Every call of it comes under the heap's lock.
Arena& arena() {
  alignas(Arena) static unsigned char place[sizeof(Arena)];
  static Arena* instance = new (place) Arena;
  return *instance;
}
#endif

void* system_allocate(size_t capacity) {
  const size_t total = capacity + sizeof(Header);
#if defined(_WIN32)
  return _aligned_malloc(total, kAlignment);
#else
  const size_t alignment = capacity >= kHuge ? kHugePage : kAlignment;
  void* raw = nullptr;
#if defined(TS_MAPPED)
  if (capacity >= kShared && capacity < kHuge) return arena().take(total);
  if (capacity >= kHuge) {
    raw = map_aligned(mapped_bytes(capacity), kHugePage);
    if (raw == nullptr) return nullptr;
  }
#endif
  if (raw == nullptr && posix_memalign(&raw, alignment, total) != 0) return nullptr;
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
#if defined(TS_MAPPED)
  if (header->capacity >= kHuge) {
    munmap(header, mapped_bytes(header->capacity));
    return;
  }
  if (header->capacity >= kShared) return arena().give(header, header->capacity + sizeof(Header));
#endif
  std::free(header);
#endif
}

Header* pop(Heap& h, Header*& list) {
  Header* header = list;
  list = header->next;
  h.cached -= header->capacity + sizeof(Header);
  return header;
}

// Gives back cached blocks, the largest first, until at most `keep` bytes are cached.
void trim_locked(Heap& h, uint64_t keep) {
  for (auto largest = h.cache.rbegin(); largest != h.cache.rend(); ++largest) {
    while (h.cached > keep && largest->second != nullptr) {
      Header* header = pop(h, largest->second);
      h.reserved -= header->capacity + sizeof(Header);
      system_free(header);
    }
  }
}

// A cached block for this capacity, or null.
Header* take_cached(Heap& h, size_t capacity) {
  const size_t most = capacity >= kLarge ? capacity + capacity / 4 : capacity;
  for (auto found = h.cache.lower_bound(capacity); found != h.cache.end() && found->first <= most; ++found) {
    if (found->second != nullptr) return pop(h, found->second);
  }
  return nullptr;
}

// A block from the system. What is cached makes room first, so that the process never holds much more than it once used.
Header* take_new(Heap& h, size_t capacity) {
  const uint64_t used = h.reserved - h.cached + capacity + sizeof(Header);
  const uint64_t most = most_held(h.most_used > used ? h.most_used : used);
  if (h.cached > kCacheFloor && h.cached > h.live / 2) trim_locked(h, 0);
  if (used + h.cached > most) trim_locked(h, most - used);
  try {
    h.cache.try_emplace(capacity, nullptr);
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  void* raw = system_allocate(capacity);
  if (raw == nullptr) {
    trim_locked(h, 0);
    raw = system_allocate(capacity);
    if (raw == nullptr) return nullptr;
  }
  Header* header = new (raw) Header;
  header->capacity = capacity;
  h.reserved += capacity + sizeof(Header);
  return header;
}

}  // namespace

void* allocate(size_t bytes) {
  if (bytes > (size_t{1} << 46)) return nullptr;
  const size_t capacity = class_of(bytes);
  Heap& h = heap();
  std::lock_guard lock(h.mutex);
  Header* header = take_cached(h, capacity);
  if (header == nullptr) header = take_new(h, capacity);
  if (header == nullptr) return nullptr;
  if (h.reserved - h.cached > h.most_used) h.most_used = h.reserved - h.cached;
  header->bytes = bytes;
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
  h.cached += header->capacity + sizeof(Header);
  Header*& list = h.cache.find(header->capacity)->second;
  header->next = list;
  list = header;
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
    try {
      h.shared.emplace(h.next_handle, header);
    } catch (const std::bad_alloc&) {
      return 0;
    }
    header->handle = h.next_handle++;
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
  trim_locked(h, 0);
}

}  // namespace ts
