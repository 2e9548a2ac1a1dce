#include <atomic>
#include <thread>

#include "core/packed.h"
#include "test.h"

namespace {

TEST(every_index_runs_once_whoever_calls) {
  for (const int threads : {1, 2, 5}) {
    ts::set_threads(threads);
    std::vector<std::thread> callers;
    std::atomic<bool> right{true};
    for (int caller = 0; caller < 4; ++caller) {
      callers.emplace_back([&, caller] {
        for (int round = 0; round < 200; ++round) {
          const int64_t n = 1 + (caller * 37 + round * 13) % 500;
          std::vector<std::atomic<int>> counts(static_cast<size_t>(n));
          std::vector<std::atomic<int>> slots(256);
          ts::parallel_for(n, 1 + round % 7, [&](int64_t begin, int64_t end, int slot) {
            if (slots[static_cast<size_t>(slot)].fetch_add(1) != 0) right = false;
            // A nested call runs here, at once.
            ts::parallel_for(end - begin, 1, [&](int64_t from, int64_t to, int) {
              for (int64_t i = from; i < to; ++i) counts[static_cast<size_t>(begin + i)].fetch_add(1);
            });
            slots[static_cast<size_t>(slot)].fetch_sub(1);
          });
          for (auto& count : counts) {
            if (count.load() != 1) right = false;
          }
        }
      });
    }
    for (auto& caller : callers) caller.join();
    CHECK(right.load());
  }
}

TEST(blocks_are_counted_shared_and_reused) {
  ts::trim();
  const ts::MemoryStats before = ts::memory_stats();
  void* block = ts::allocate(1000);
  CHECK(reinterpret_cast<uintptr_t>(block) % ts::kAlignment == 0);
  CHECK(ts::memory_stats().live == before.live + 1000);
  const uint64_t handle = ts::share(block);
  CHECK(ts::share(block) == handle);
  CHECK(ts::attach(handle) == block);
  ts::release(block);
  CHECK(ts::attach(handle) == block);  // one reference was left
  ts::release(block);
  ts::release(block);
  CHECK(ts::attach(handle) == nullptr);
  CHECK(ts::memory_stats().live == before.live);
  CHECK(ts::allocate(1000) == block);
  ts::release(block);
  ts::trim();
  CHECK(ts::memory_stats().reserved <= before.reserved);
  CHECK(ts::allocate(size_t{1} << 60) == nullptr);
  void* empty = ts::allocate(0);
  CHECK(empty != nullptr);
  ts::release(empty);
}

TEST(packed_forms_follow_the_version) {
  void* block = ts::allocate(64);
  void* form = ts::allocate(128);
  const ts::PackedKey key{block, 4, 4, 0, 0};
  CHECK(!ts::packed_find(block, key, false).wanted);
  CHECK(!ts::packed_find(block, key, true).wanted);  // first use
  ts::PackedLookup second = ts::packed_find(block, key, true);
  CHECK(second.wanted && second.data == nullptr);
  ts::packed_drop(block);  // written while it was being packed
  ts::packed_insert(block, key, second.version, form);
  CHECK(ts::packed_find(block, key, true).data == nullptr);
  second = ts::packed_find(block, key, true);
  CHECK(second.wanted);
  ts::packed_insert(block, key, second.version, form);
  const ts::PackedLookup third = ts::packed_find(block, key, false);
  CHECK(third.data == form);
  ts::release(third.data);
  const uint64_t live = ts::memory_stats().live;
  ts::release(form);
  CHECK(ts::memory_stats().live == live);  // the cache holds it
  ts::release(block);
  CHECK(ts::memory_stats().live == live - 64 - 128);
}

TEST(kernels_have_one_number_in_every_family) {
  const auto families = test::isas();
  for (const ts::Isa isa : families) {
    CHECK(ts::kernel_count(isa) == ts::kernel_count(families.front()));
    for (int id = 0; id < ts::kernel_count(isa); ++id) {
      CHECK(std::strcmp(ts::kernel(isa, id).name, ts::kernel(families.front(), id).name) == 0);
    }
  }
  ts::Args none(nullptr);
  CHECK(ts::run_kernel(-1, none) == ts::Status::unknown_kernel);
  CHECK(ts::run_kernel(100000, none) == ts::Status::unknown_kernel);
}

}  // namespace
