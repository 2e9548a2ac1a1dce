#include "core/arena.h"

#if !defined(_WIN32)

#include <sys/mman.h>

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <new>

namespace ts {
namespace {

// Addresses taken from the system at a time; memory comes with the first write to each huge page.
constexpr size_t kStretch = size_t{64} << 20;

char* huge_floor(char* at) { return at - reinterpret_cast<uintptr_t>(at) % kHugePage; }
char* huge_ceil(char* at) { return huge_floor(at + kHugePage - 1); }

}  // namespace

void* map_aligned(size_t bytes, size_t alignment) {
  const size_t whole = bytes + alignment;
  void* raw = mmap(nullptr, whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (raw == MAP_FAILED) return nullptr;
  char* first = static_cast<char*>(raw);
  const size_t before = (alignment - reinterpret_cast<uintptr_t>(first) % alignment) % alignment;
  if (before != 0) munmap(first, before);
  munmap(first + before + bytes, whole - before - bytes);
  return first + before;
}

void* Arena::take(size_t bytes) {
  auto found = std::find_if(free_.begin(), free_.end(), [bytes](const auto& range) { return range.second >= bytes; });
  if (found == free_.end()) {
    const size_t size = (std::max(bytes, kStretch) + kHugePage - 1) / kHugePage * kHugePage;
    char* stretch = static_cast<char*>(map_aligned(size, kHugePage));
    if (stretch == nullptr) return nullptr;
#if defined(MADV_HUGEPAGE)
    madvise(stretch, size, MADV_HUGEPAGE);
#endif
    try {
      found = free_.emplace(stretch, size).first;
    } catch (const std::bad_alloc&) {
      munmap(stretch, size);
      return nullptr;
    }
  }
  // What is left keeps the map's node, so that nothing has to be allocated for it.
  auto range = free_.extract(found);
  char* const start = range.key();
  if (range.mapped() > bytes) {
    range.key() += bytes;
    range.mapped() -= bytes;
    free_.insert(std::move(range));
  }
  return start;
}

void Arena::give(void* data, size_t bytes) {
  char* start = static_cast<char*>(data);
  char* end = start + bytes;
  // Pages at either end may have been kept by this block alone.
  char* const first = huge_floor(start);
  char* const last = huge_ceil(end);
  auto next = free_.lower_bound(start);
  if (next != free_.end() && next->first == end) {
    end += next->second;
    next = free_.erase(next);
  }
  if (next != free_.begin()) {
    const auto before = std::prev(next);
    if (before->first + before->second == start) {
      start = before->first;
      free_.erase(before);
    }
  }
  try {
    free_.emplace(start, end - start);
  } catch (const std::bad_alloc&) {
    // No memory to remember the range by: its addresses are lost, its pages go back below.
  }
  char* const from = std::max(huge_ceil(start), first);
  char* const to = std::min(huge_floor(end), last);
  if (from < to) madvise(from, static_cast<size_t>(to - from), MADV_DONTNEED);
}

}  // namespace ts

#endif
