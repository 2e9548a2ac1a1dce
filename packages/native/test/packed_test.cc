// Packed forms of weights: which are kept, and for how long.
#include "core/packed.h"

#include "test.h"

namespace {

TEST(packed_forms_follow_the_version) {
  void* block = ts::allocate(64);
  void* form = ts::allocate(128);
  const ts::PackedKey key{block, 4, 4, 0, 0};
  CHECK(!ts::packed_find(block, key, 128, false).wanted);
  CHECK(!ts::packed_find(block, key, 128, true).wanted);  // first use
  ts::PackedLookup second = ts::packed_find(block, key, 128, true);
  CHECK(second.wanted && second.data == nullptr);
  ts::packed_drop(block);  // written while it was being packed
  ts::packed_insert(block, key, second.version, form);
  CHECK(ts::packed_find(block, key, 128, true).data == nullptr);
  second = ts::packed_find(block, key, 128, true);
  CHECK(second.wanted);
  ts::packed_insert(block, key, second.version, form);
  const ts::PackedLookup third = ts::packed_find(block, key, 128, false);
  CHECK(third.data == form);
  ts::release(third.data);
  const uint64_t live = ts::memory_stats().live;
  ts::release(form);
  CHECK(ts::memory_stats().live == live);  // the cache holds it
  ts::release(block);
  CHECK(ts::memory_stats().live == live - 64 - 128);
}

// Two uses of a form: it is made at the second. Gives the form, with a reference, or null if it was there.
void* use_twice(void* block, const ts::PackedKey& key, size_t bytes) {
  ts::PackedLookup found = ts::packed_find(block, key, bytes, true);
  if (found.data == nullptr && !found.wanted) found = ts::packed_find(block, key, bytes, true);
  if (found.data != nullptr) {
    ts::release(found.data);
    return nullptr;
  }
  CHECK(found.wanted);
  void* data = ts::allocate(bytes);
  ts::packed_insert(block, key, found.version, data);
  return data;
}

TEST(packed_forms_of_a_block_are_bounded_and_the_oldest_go) {
  constexpr size_t kBytes = size_t{1} << 20;
  auto* block = static_cast<char*>(ts::allocate(kBytes));
  const uint64_t before = ts::memory_stats().live;
  // Views of ever other rows, as a window that slides over the weight makes them.
  auto* first = static_cast<char*>(use_twice(block, {block, 64, 512, 0, 0}, 128 << 10));
  first[0] = 7;  // in use while it is dropped
  uint64_t most = 0;
  for (int64_t i = 1; i < 1000; ++i) {
    ts::release(use_twice(block, {block + i * 512, 64, 512, 0, 0}, 128 << 10));
    const uint64_t live = ts::memory_stats().live - before;
    most = live > most ? live : most;
  }
  CHECK(most <= 9 * kBytes);
  CHECK(first[0] == 7);
  ts::release(first);
  CHECK(!ts::packed_find(block, {block, 64, 512, 0, 0}, 128 << 10, false).data);
  // What a model needs stays: 64 experts, and the whole in two layouts and two precisions, float32 of bfloat16.
  ts::packed_drop(block);
  for (int round = 0; round < 2; ++round) {
    for (int64_t i = 0; i < 64; ++i) {
      void* made = use_twice(block, {block + i * (kBytes / 64), 16, 512, 1, 0}, kBytes / 32);
      CHECK((made == nullptr) == (round == 1));
      if (made != nullptr) ts::release(made);
    }
    for (int kind = 0; kind < 4; ++kind) {
      void* made = use_twice(block, {block, 1024, 512, 1, kind / 2, kind % 2 == 1}, kBytes * (kind < 2 ? 2 : 1));
      CHECK((made == nullptr) == (round == 1));
      if (made != nullptr) ts::release(made);
    }
  }
  // What is used again and again outlives any number of views that are seen once.
  ts::packed_drop(block);
  ts::release(use_twice(block, {block, 1024, 512, 1, 0}, 2 * kBytes));
  for (int64_t i = 1; i < 1000; ++i) {
    ts::packed_find(block, {block + i * 512, 64, 512, 0, 0}, 128 << 10, true);
    if (i % 10 == 0) CHECK(use_twice(block, {block, 1024, 512, 1, 0}, 2 * kBytes) == nullptr);
    // Nor do views that are used twice drive it out.
    if (i % 5 == 0) ts::release(use_twice(block, {block + i * 512, 64, 512, 0, 0}, 128 << 10));
  }
  CHECK(use_twice(block, {block, 1024, 512, 1, 0}, 2 * kBytes) == nullptr);
  // So does one form that is larger than all that: the panel of a single row.
  ts::packed_drop(block);
  ts::release(use_twice(block, {block, 1, 1, 0, 0}, 10 * kBytes));
  CHECK(use_twice(block, {block, 1, 1, 0, 0}, 10 * kBytes) == nullptr);
  ts::release(block);
  CHECK(ts::memory_stats().live == before - kBytes);
}

}  // namespace
