#include "core/pool.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

#include "core/quota.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace ts {
namespace {

constexpr int kMaxThreads = 256;

// About 100 µs, longer than the small kernels between two large ones take. Waking a sleeping thread costs more.
constexpr int kSpins = 6000;

struct Job {
  RangeFn fn;
  void* context;
  int64_t n;
  int64_t grain;
  int limit;  // threads that may work on it
  std::atomic<int64_t> next{0};
  std::atomic<int> slots{1};  // 0 is the caller's
  std::atomic<int> workers{0};
};

struct Pool {
  std::mutex mutex;
  std::vector<Job*> jobs;
  std::atomic<int> at_work{0};  // callers, and threads of the pool that help them
  std::atomic<uint32_t> posted{0};
  std::atomic<uint32_t> finished{0};
  std::atomic<int> sleeping{0};
  std::atomic<int> size{1};  // threads in use, a caller's included
  int started = 0;
};

thread_local bool inside_job = false;

inline void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Ranges shrink towards the end: half of an even share of what is left. Large ones cost little to take, small last ones
// let the threads finish together.
template <class Stay>
void work_on(Job& job, int slot, const Stay& stay) {
  int64_t begin = job.next.load(std::memory_order_relaxed);
  while (begin < job.n && stay()) {
    const int64_t share = (job.n - begin) / (2 * job.limit) / job.grain * job.grain;
    const int64_t end = std::min(begin + std::max(share, job.grain), job.n);
    if (!job.next.compare_exchange_weak(begin, end, std::memory_order_relaxed)) continue;
    job.fn(job.context, begin, end, slot);
    begin = job.next.load(std::memory_order_relaxed);
  }
}

// Takes part in a job that still has ranges and room; false if there is none, or if as many threads as the pool may use are
// at work: callers of several environments work too, and leave room for fewer helpers.
bool help(Pool& pool) {
  Job* job = nullptr;
  int slot = 0;
  {
    std::lock_guard lock(pool.mutex);
    if (pool.at_work.load(std::memory_order_relaxed) >= pool.size.load(std::memory_order_relaxed)) return false;
    for (Job* candidate : pool.jobs) {
      if (candidate->next.load(std::memory_order_relaxed) >= candidate->n) continue;
      if (candidate->slots.load(std::memory_order_relaxed) >= candidate->limit) continue;
      slot = candidate->slots.fetch_add(1, std::memory_order_relaxed);
      candidate->workers.fetch_add(1, std::memory_order_relaxed);
      job = candidate;
      pool.at_work.fetch_add(1, std::memory_order_relaxed);
      break;
    }
  }
  if (job == nullptr) return false;
  // Makes room when more callers come: what it leaves is theirs.
  work_on(*job, slot, [&] { return pool.at_work.load(std::memory_order_relaxed) <= pool.size.load(std::memory_order_relaxed); });
  pool.at_work.fetch_sub(1, std::memory_order_relaxed);
  // The job lives on its caller's stack and may be gone right after this; what is notified lives in the pool.
  if (job->workers.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    pool.finished.fetch_add(1, std::memory_order_release);
    pool.finished.notify_all();
  }
  return true;
}

void worker_loop(Pool& pool) {
  inside_job = true;
  uint32_t seen = pool.posted.load(std::memory_order_acquire);
  for (;;) {
    while (help(pool)) {
    }
    for (int spin = 0; spin < kSpins && pool.posted.load(std::memory_order_acquire) == seen; ++spin) pause();
    uint32_t now = pool.posted.load(std::memory_order_acquire);
    if (now == seen) {
      pool.sleeping.fetch_add(1, std::memory_order_seq_cst);
      pool.posted.wait(seen, std::memory_order_seq_cst);
      pool.sleeping.fetch_sub(1, std::memory_order_seq_cst);
      now = pool.posted.load(std::memory_order_acquire);
    }
    seen = now;
  }
}

void grow(Pool& pool, int count) {
  std::lock_guard lock(pool.mutex);
  while (pool.started < count - 1) {
    try {
      std::thread(worker_loop, std::ref(pool)).detach();
    } catch (const std::system_error&) {
      break;  // fewer threads work just as well
    }
    ++pool.started;
  }
  pool.size.store(std::min(count, pool.started + 1), std::memory_order_relaxed);
}

// TESSERA_THREADS where it is a number from 1 on, else what the process may use.
int first_threads() {
  const char* text = std::getenv("TESSERA_THREADS");
  const long asked = text == nullptr ? 0 : std::strtol(text, nullptr, 10);
  return asked >= 1 ? static_cast<int>(std::min<long>(asked, kMaxThreads)) : available_threads();
}

// Never destroyed: its threads run until the process ends.
Pool& pool() {
  static Pool* instance = [] {
    Pool* made = new Pool;
    grow(*made, first_threads());
    return made;
  }();
  return *instance;
}

}  // namespace

int available_threads() {
  int count = static_cast<int>(std::thread::hardware_concurrency());
#if defined(__linux__)
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) == 0) count = CPU_COUNT(&set);
  const int quota = quota_threads("/proc/self/cgroup", "/sys/fs/cgroup");
  if (quota > 0) count = std::min(count, quota);
#endif
  return std::clamp(count, 1, kMaxThreads);
}

int threads() { return pool().size.load(std::memory_order_relaxed); }

void set_threads(int count) { grow(pool(), std::clamp(count, 1, kMaxThreads)); }

void parallel_ranges(int64_t n, int64_t grain, RangeFn fn, void* context) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  if (n <= grain || inside_job) return fn(context, 0, n, 0);
  Pool& p = pool();
  const int limit = p.size.load(std::memory_order_relaxed);
  if (limit <= 1) return fn(context, 0, n, 0);
  const int64_t grains = (n + grain - 1) / grain;
  Job job;
  job.fn = fn;
  job.context = context;
  job.n = n;
  job.grain = grain;
  job.limit = static_cast<int>(std::min<int64_t>(limit, grains));
  {
    std::lock_guard lock(p.mutex);
    p.jobs.push_back(&job);
    p.at_work.fetch_add(1, std::memory_order_relaxed);
  }
  p.posted.fetch_add(1, std::memory_order_seq_cst);
  if (p.sleeping.load(std::memory_order_seq_cst) > 0) p.posted.notify_all();
  inside_job = true;
  work_on(job, 0, [] { return true; });
  inside_job = false;
  bool others;
  {
    std::lock_guard lock(p.mutex);
    p.jobs.erase(std::find(p.jobs.begin(), p.jobs.end(), &job));
    p.at_work.fetch_sub(1, std::memory_order_relaxed);
    others = !p.jobs.empty();
  }
  // There is room for a helper again.
  if (others) {
    p.posted.fetch_add(1, std::memory_order_seq_cst);
    if (p.sleeping.load(std::memory_order_seq_cst) > 0) p.posted.notify_all();
  }
  for (int spin = 0; job.workers.load(std::memory_order_acquire) != 0; ++spin) {
    if (spin < kSpins) {
      pause();
      continue;
    }
    const uint32_t before = p.finished.load(std::memory_order_acquire);
    if (job.workers.load(std::memory_order_acquire) == 0) break;
    p.finished.wait(before, std::memory_order_acquire);
  }
}

}  // namespace ts
