// Room for blocks that are smaller than a huge page but are read as streams, such as one layer's weights: cut from
// stretches of huge pages, so that reading many of them one after the other meets few translations. Not for Windows.
#pragma once

#include <cstddef>
#include <map>

namespace ts {

// One thread at a time: its owner holds a lock.
class Arena {
 public:
  // `bytes`, a multiple of 64, at a multiple of 64; nullptr where the system has no memory.
  void* take(size_t bytes);
  // Gives back what take() gave. Whole huge pages that become free go back to the system.
  void give(void* data, size_t bytes);

 private:
  std::map<char*, size_t> free_;  // by address; neighbours are one range
};

// The size of a huge page, where blocks of at least its multiples start too.
constexpr size_t kHugePage = size_t{2} << 20;

// A mapping that starts at a multiple of `alignment`: what lies before and behind it is given back. nullptr: no memory.
void* map_aligned(size_t bytes, size_t alignment);

}  // namespace ts
