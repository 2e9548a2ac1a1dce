#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <climits>
#include <fstream>
#include <map>
#include <random>
#include <string>
#include <thread>

#if defined(__linux__)
#include <sched.h>
#endif

#include "core/memory.h"
#include "core/quota.h"
#include "test.h"

namespace {

// Takes time. A sleep of less than a millisecond is none at all on Windows.
void linger(std::chrono::microseconds time) {
  const auto end = std::chrono::steady_clock::now() + time;
  while (std::chrono::steady_clock::now() < end) std::this_thread::yield();
}

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
    // Helpers leave and come back when the pool shrinks and grows.
    for (int flip = 0; flip < 40; ++flip) {
      ts::set_threads(flip % 2 == 0 ? threads : 1);
      linger(std::chrono::microseconds(200));
    }
    for (auto& caller : callers) caller.join();
    CHECK(right.load());
  }
}

TEST(a_kernel_keeps_to_the_threads_that_it_was_told_of) {
  ts::begin_kernel();
  ts::set_threads(2);
  CHECK(ts::threads() == 2);
  ts::set_threads(5);
  std::atomic<int> most{0};
  const auto run = [&] {
    ts::parallel_for(60, 1, [&](int64_t, int64_t, int slot) {
      for (int seen = most.load(); slot > seen && !most.compare_exchange_weak(seen, slot);) {
      }
      linger(std::chrono::microseconds(200));
    });
  };
  run();
  CHECK(most.load() <= 1);
  ts::begin_kernel();
  for (int round = 0; round < 50 && most.load() < 2; ++round) run();
  CHECK(most.load() >= 2);
  ts::set_threads(2);
}

TEST(callers_count_as_threads_at_work) {
  // A pool of two: a caller alone has a helper; two callers have none.
  ts::set_threads(2);
  std::atomic<int> inside{0}, helped_alone{0}, helped_together{0};
  const auto work = [&](int ranges) {
    bool first = true;
    ts::parallel_for(ranges, 1, [&](int64_t, int64_t, int slot) {
      if (slot == 0 && first) {
        inside.fetch_add(1);
        first = false;
      }
      if (slot != 0) (inside.load() > 1 ? helped_together : helped_alone).fetch_add(1);
      linger(std::chrono::microseconds(500));
    });
    inside.fetch_sub(1);
  };
  for (int round = 0; round < 50 && helped_alone.load() == 0; ++round) work(40);
  CHECK(helped_alone.load() > 0);
  std::thread one(work, 120), other(work, 120);
  one.join();
  other.join();
  // A helper that was there before the second caller ends its range first.
  CHECK(helped_together.load() <= 6);
}

namespace fs = std::filesystem;

void put(const fs::path& file, const char* text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file) << text;
}

TEST(quotas_of_control_groups) {
  std::random_device device;
  const fs::path folder = fs::temp_directory_path() / ("tessera-quota-" + std::to_string(device()));
  const fs::path self = folder / "self";
  const auto quota = [&](const char* groups) {
    put(self, groups);
    return ts::quota_threads(self.string().c_str(), (folder / "fs").string().c_str());
  };
  CHECK(ts::quota_threads((folder / "none").string().c_str(), (folder / "none").string().c_str()) == 0);
  // Version 2: the group's own, and those above it.
  CHECK(quota("0::/a/b\n") == 0);
  put(folder / "fs/a/b/cpu.max", "max 100000\n");
  CHECK(quota("0::/a/b\n") == 0);
  put(folder / "fs/a/cpu.max", "350000 100000\n");
  CHECK(quota("0::/a/b\n") == 4);
  CHECK(quota("0::/\n") == 0);
  put(folder / "fs/a/b/cpu.max", "50000 100000\n");
  CHECK(quota("0::/a/b\n") == 1);
  // A container sees its group at the root, whatever path it reads.
  put(folder / "fs/cpu.max", "200000 100000\n");
  CHECK(quota("0::/../elsewhere\n") == 2);
  CHECK(quota("0::/\n") == 2);
  put(folder / "fs/cpu.max", "-1 0\n");
  CHECK(quota("0::/\n") == 0);
  // More processors than fit, in microseconds that no sum may carry over.
  put(folder / "fs/cpu.max", "9223372036854775807 100000\n");
  CHECK(quota("0::/\n") == INT_MAX);
  put(folder / "fs/cpu.max", "17592186044415 1000\n");
  CHECK(quota("0::/\n") == INT_MAX);
  put(folder / "fs/cpu.max", "-1 0\n");
  // Version 1: by controller.
  put(folder / "fs/cpu,cpuacct/x/cpu.cfs_quota_us", "150000\n");
  put(folder / "fs/cpu,cpuacct/x/cpu.cfs_period_us", "50000\n");
  CHECK(quota("4:memory:/x\n3:cpu,cpuacct:/x/y\n") == 3);
  CHECK(quota("3:cpuset:/x\n") == 0);
  put(folder / "fs/cpu,cpuacct/x/cpu.cfs_quota_us", "-1\n");
  CHECK(quota("3:cpu,cpuacct:/x\n") == 0);
  put(folder / "fs/cpu/cpu.cfs_quota_us", "600000\n");
  CHECK(quota("") == 6);
  CHECK(quota("nonsense\n::\n") == 6);
  fs::remove_all(folder);
}

#if defined(__linux__)
// How often each thread of the process gave its processor up.
std::map<std::string, long> switches() {
  std::map<std::string, long> out;
  for (const auto& task : fs::directory_iterator("/proc/self/task")) {
    std::ifstream status(task.path() / "status");
    for (std::string line; std::getline(status, line);) {
      if (line.starts_with("voluntary_ctxt_switches:")) out[task.path().filename().string()] = std::stol(line.substr(24));
    }
  }
  return out;
}

TEST(threads_of_a_smaller_pool_stay_asleep) {
  using std::chrono::milliseconds;
  const auto job = [] { ts::parallel_for(64, 1, [](int64_t, int64_t, int) {}); };
  ts::set_threads(24);
  job();
  ts::set_threads(2);
  job();
  // All have seen that they are spare.
  std::this_thread::sleep_for(milliseconds(200));
  const auto before = switches();
  for (int round = 0; round < 50; ++round) {
    job();
    std::this_thread::sleep_for(milliseconds(1));
  }
  int woken = 0;
  for (const auto& [task, count] : switches()) {
    const auto found = before.find(task);
    if (found != before.end() && count > found->second + 5) ++woken;
  }
  // This thread, its helper, and one that a sanitizer or an emulator may run.
  CHECK(woken <= 3);
  // They are there again when the pool grows.
  ts::set_threads(4);
  ts::begin_kernel();
  std::atomic<int> most{0};
  for (int round = 0; round < 200 && most.load() < 3; ++round) {
    ts::parallel_for(60, 1, [&](int64_t, int64_t, int slot) {
      for (int seen = most.load(); slot > seen && !most.compare_exchange_weak(seen, slot);) {
      }
      std::this_thread::sleep_for(std::chrono::microseconds(200));
    });
  }
  CHECK(most.load() >= 3);
  ts::set_threads(2);
}

TEST(affinity_limits_the_threads) {
  cpu_set_t before, one;
  CHECK(sched_getaffinity(0, sizeof before, &before) == 0);
  int first = 0;
  while (!CPU_ISSET(first, &before)) ++first;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(ts::available_threads() == 1);
  CHECK(sched_setaffinity(0, sizeof before, &before) == 0);
  CHECK(ts::available_threads() >= 1 && ts::available_threads() <= CPU_COUNT(&before));
}
#endif

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

TEST(a_plan_runs_its_calls_in_order_and_stops_at_the_first_that_fails) {
  const double fill = ts::find_kernel(ts::best_isa(), "fill");
  CHECK(fill >= 0);
  test::Array<uint32_t> out(4, 7u);
  const double at = out.address();
  double record[ts::kMaxArgs] = {};
  const double plan[] = {fill, 4, at, 4, 3, 1, fill, 4, at, 4, 2, 5};
  CHECK(ts::run_plan(plan, 12, record) == ts::Status::ok);
  CHECK(out[0] == 5 && out[1] == 5 && out[2] == 1 && out[3] == 7);
  const double broken[] = {fill, 4, at, 4, 1, 9, 1e6, 0, fill, 4, at, 4, 4, 0};
  CHECK(ts::run_plan(broken, 14, record) == ts::Status::unknown_kernel);
  CHECK(out[0] == 9 && out[3] == 7);
  // Cut off in a call, in its head, and a count that leads outside.
  for (const int64_t words : {5, 1, 7}) CHECK(ts::run_plan(plan, words, record) == ts::Status::value);
  const double far[] = {fill, 1e15, at}, negative[] = {fill, -2, at};
  CHECK(ts::run_plan(far, 3, record) == ts::Status::value);
  CHECK(ts::run_plan(negative, 3, record) == ts::Status::value);
  CHECK(ts::run_plan(plan, 0, record) == ts::Status::ok);
}

TEST(blocks_of_every_size_keep_to_themselves) {
  // Sizes on both sides of what shares huge pages; freed and given back in another order, then taken again.
  std::mt19937 random(7);
  struct Held {
    unsigned char* data;
    size_t bytes;
    unsigned char mark;
  };
  std::vector<Held> held;
  bool right = true;
  for (int step = 0; step < 600; ++step) {
    if (held.size() < 40 && random() % 3 != 0) {
      const size_t bytes = size_t{1} + random() % (random() % 8 == 0 ? 6u << 20 : 400u << 10);
      auto* data = static_cast<unsigned char*>(ts::allocate(bytes));
      CHECK(data != nullptr && reinterpret_cast<uintptr_t>(data) % ts::kAlignment == 0);
      const auto mark = static_cast<unsigned char>(step);
      std::memset(data, mark, bytes);
      held.push_back({data, bytes, mark});
    } else if (!held.empty()) {
      std::swap(held[random() % held.size()], held.back());
      const Held last = held.back();
      held.pop_back();
      for (size_t i = 0; i < last.bytes; i += 61) right = right && last.data[i] == last.mark;
      ts::release(last.data);
      if (step % 5 == 0) ts::trim();
    }
  }
  for (const Held& block : held) {
    for (size_t i = 0; i < block.bytes; i += 61) right = right && block.data[i] == block.mark;
    ts::release(block.data);
  }
  CHECK(right);
}

}  // namespace
