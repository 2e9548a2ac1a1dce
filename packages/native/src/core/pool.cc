#include "core/pool.h"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <mutex>
#include <new>
#include <thread>

#include "core/quota.h"
#include "core/system.h"

#if defined(__linux__)
#include <sched.h>
#endif

namespace ts {
namespace {

constexpr int kMaxThreads = 256;

// About 100 µs, longer than the small kernels between two large ones take. Waking a sleeping thread costs more.
constexpr int kSpins = 6000;

// Grains that a thread has yet to do: the first (low half) and the one behind the last.
struct alignas(64) Range {
  std::atomic<uint64_t> word{0};
};
constexpr uint64_t range_of(uint64_t begin, uint64_t end) { return end << 32 | begin; }

// A job's gate: whether it is taken and open, the most threads, how many helpers ever entered and how many are inside. A
// thread reads the rest of the job only inside.
constexpr uint64_t kInside = 1, kInsideMask = 0xffff;
constexpr uint64_t kEntered = uint64_t{1} << 16, kLimit = uint64_t{1} << 32;
constexpr uint64_t kOpen = uint64_t{1} << 62, kTaken = uint64_t{1} << 63;
constexpr int entered_of(uint64_t gate) { return static_cast<int>(gate >> 16 & 0xffff); }
constexpr int limit_of(uint64_t gate) { return static_cast<int>(gate >> 32 & 0xffff); }

struct alignas(64) Job {
  std::atomic<uint64_t> gate{0};
  RangeFn fn;
  void* context;
  int64_t n;
  int64_t grain;
  // By slot, the caller's first. All are empty between jobs.
  Range ranges[kMaxThreads];
};

// Jobs at one time; callers beyond work alone.
constexpr int kJobs = 16;

struct Pool {
  // What threads signal with, on one cache line.
  alignas(64) std::atomic<uint32_t> posted{0};
  std::atomic<uint32_t> finished{0};
  std::atomic<int> callers{0};  // at work
  std::atomic<int> sleeping{0};  // threads of the pool
  std::atomic<int> waiting{0};   // callers asleep
  std::atomic<uint32_t> size{1};  // threads in use, a caller's included
  Job jobs[kJobs];
  std::mutex mutex;  // of growing
  int started = 0;
};

thread_local bool inside_job = false;

// The fewest threads that a kernel on this thread was told of.
thread_local int told = kMaxThreads;

inline void pause() {
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Takes the front of a range: a part of what is left, so that there is something to steal.
bool take(Range& range, int parts, uint64_t& begin, uint64_t& end) {
  uint64_t word = range.word.load(std::memory_order_relaxed);
  for (;;) {
    const uint64_t first = word & 0xffffffff, last = word >> 32;
    if (first >= last) return false;
    begin = first;
    end = first + std::max<uint64_t>((last - first) / static_cast<uint64_t>(parts), 1);
    if (range.word.compare_exchange_weak(word, range_of(end, last), std::memory_order_relaxed)) return true;
  }
}

// Moves the back half of another slot's range into an empty one.
bool steal(Job& job, int slot) {
  const int count = entered_of(job.gate.load(std::memory_order_relaxed)) + 1;
  for (int i = 1; i < count; ++i) {
    Range& from = job.ranges[(slot + i) % count];
    uint64_t word = from.word.load(std::memory_order_relaxed);
    for (;;) {
      const uint64_t first = word & 0xffffffff, last = word >> 32;
      if (first >= last) break;
      const uint64_t middle = first + (last - first) / 2;
      if (!from.word.compare_exchange_weak(word, range_of(first, middle), std::memory_order_relaxed)) continue;
      job.ranges[slot].word.store(range_of(middle, last), std::memory_order_relaxed);
      return true;
    }
  }
  return false;
}

// Each thread goes through a stretch of its own, and then helps the others with theirs: memory is read straight on, and
// threads that the system holds up leave their part to the rest.
template <class Stay>
void work_on(Job& job, int slot, const Stay& stay) {
  // All is the caller's at first, and helpers are on their way.
  const int parts = slot == 0 ? 2 * limit_of(job.gate.load(std::memory_order_relaxed)) : 4;
  uint64_t begin = 0, end = 0;
  do {
    while (take(job.ranges[slot], parts, begin, end)) {
      job.fn(job.context, static_cast<int64_t>(begin) * job.grain, std::min(static_cast<int64_t>(end) * job.grain, job.n), slot);
      if (!stay()) return;
    }
  } while (steal(job, slot));
}

bool has_work(const Job& job, int count) {
  for (int slot = 0; slot < count; ++slot) {
    const uint64_t word = job.ranges[slot].word.load(std::memory_order_relaxed);
    if ((word & 0xffffffff) < word >> 32) return true;
  }
  return false;
}

int size_of(const Pool& pool) { return static_cast<int>(pool.size.load(std::memory_order_relaxed)); }

// Whether this thread of the pool may work: callers of several environments work too, and leave room for fewer helpers.
bool has_room(const Pool& pool, int index) {
  return index < size_of(pool) - pool.callers.load(std::memory_order_relaxed);
}

// Takes part in a job that still has ranges and room; false if there is none.
bool help(Pool& pool, int index) {
  if (!has_room(pool, index)) return false;
  for (Job& job : pool.jobs) {
    uint64_t gate = job.gate.load(std::memory_order_acquire);
    const int slot = entered_of(gate) + 1;
    if ((gate & kOpen) == 0 || slot >= limit_of(gate) || !has_work(job, slot)) continue;
    if (!job.gate.compare_exchange_strong(gate, gate + kEntered + kInside, std::memory_order_acq_rel)) return true;
    // Makes room when more callers come: what it leaves is theirs.
    work_on(job, slot, [&] { return has_room(pool, index); });
    const uint64_t before = job.gate.fetch_sub(kInside, std::memory_order_seq_cst);
    if ((before & kOpen) == 0 && (before & kInsideMask) == kInside && pool.waiting.load(std::memory_order_seq_cst) > 0) {
      pool.finished.fetch_add(1, std::memory_order_release);
      wake_all(pool.finished);
    }
    return true;
  }
  return false;
}

// What a smaller pool has no use for sleeps apart: each job would wake it, and its spinning would take a processor away.
void sleep_while_spare(Pool& pool, int index) {
  for (;;) {
    const uint32_t size = pool.size.load(std::memory_order_acquire);
    if (index + 1 < static_cast<int>(size)) return;
    sleep_while(pool.size, size);
  }
}

void worker_loop(Pool& pool, int index) {
  inside_job = true;
  uint32_t seen = pool.posted.load(std::memory_order_acquire);
  for (;;) {
    while (help(pool, index)) {
    }
    sleep_while_spare(pool, index);
    // Without room, callers have all the processors: it looks on from its sleep, not from one of theirs.
    for (int spin = 0; spin < kSpins && has_room(pool, index) && pool.posted.load(std::memory_order_acquire) == seen; ++spin) pause();
    uint32_t now = pool.posted.load(std::memory_order_acquire);
    if (now == seen) {
      pool.sleeping.fetch_add(1, std::memory_order_seq_cst);
      sleep_while(pool.posted, seen);
      pool.sleeping.fetch_sub(1, std::memory_order_seq_cst);
      now = pool.posted.load(std::memory_order_acquire);
    }
    seen = now;
  }
}

// Tells the pool's threads that there is something new. Those asleep are left so where `callers` leave no room: the caller
// that makes room posts again, and what was posted before it came is visible to whom it wakes.
void post(Pool& pool, int callers) {
  pool.posted.fetch_add(1, std::memory_order_seq_cst);
  if (callers < size_of(pool) && pool.sleeping.load(std::memory_order_seq_cst) > 0) wake_all(pool.posted);
}

// A job of the caller's; null while all are taken.
Job* take_job(Pool& pool) {
  for (Job& job : pool.jobs) {
    uint64_t free = 0;
    if (job.gate.load(std::memory_order_relaxed) == 0 && job.gate.compare_exchange_strong(free, kTaken, std::memory_order_acq_rel)) return &job;
  }
  return nullptr;
}

void grow(Pool& pool, int count) {
  std::lock_guard lock(pool.mutex);
  if (pool.started == 0) keep_loaded();
  while (pool.started < count - 1) {
    try {
      std::thread(worker_loop, std::ref(pool), pool.started).detach();
    } catch (...) {
      break;  // no thread, or no memory for one: fewer work just as well
    }
    ++pool.started;
  }
  pool.size.store(static_cast<uint32_t>(std::min(count, pool.started + 1)), std::memory_order_release);
  wake_all(pool.size);
  post(pool, 0);  // a larger pool has room in jobs under way
}

// TESSERA_THREADS where it is a number from 1 on, else what the process may use.
int first_threads() {
  const char* text = std::getenv("TESSERA_THREADS");
  char* end = nullptr;
  const long number = text == nullptr ? 0 : std::strtol(text, &end, 10);
  const long asked = end != nullptr && *end == '\0' ? number : 0;
  return asked >= 1 ? static_cast<int>(std::min<long>(asked, kMaxThreads)) : available_threads();
}

// Never destroyed: its threads run until the process ends.
Pool& pool() {
  static Pool* instance = [] {
    // Not from the heap, which may have nothing left at the first kernel.
    alignas(Pool) static unsigned char place[sizeof(Pool)];
    Pool* made = new (place) Pool;
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

int threads() {
  const int size = size_of(pool());
  told = std::min(told, size);
  return size;
}

void begin_kernel() { told = kMaxThreads; }

void set_threads(int count) { grow(pool(), std::clamp(count, 1, kMaxThreads)); }

void parallel_ranges(int64_t n, int64_t grain, RangeFn fn, void* context) {
  if (n <= 0) return;
  if (grain < 1) grain = 1;
  if (n <= grain || inside_job) return fn(context, 0, n, 0);
  Pool& p = pool();
  // Not more than the kernel has scratch for, whatever another environment sets meanwhile.
  const int threads = std::min(size_of(p), told);
  Job* const job = threads > 1 ? take_job(p) : nullptr;
  if (job == nullptr) return fn(context, 0, n, 0);
  constexpr int64_t kMostGrains = int64_t{1} << 31;  // a range counts them in 32 bits
  if (n / grain >= kMostGrains) grain *= n / grain / kMostGrains + 1;
  const int64_t grains = (n + grain - 1) / grain;
  job->fn = fn;
  job->context = context;
  job->n = n;
  job->grain = grain;
  const auto limit = static_cast<uint64_t>(std::min<int64_t>(threads, grains));
  job->ranges[0].word.store(range_of(0, static_cast<uint64_t>(grains)), std::memory_order_relaxed);
  job->gate.store(kTaken | kOpen | limit * kLimit, std::memory_order_release);
  post(p, p.callers.fetch_add(1, std::memory_order_acq_rel) + 1);
  const auto work = [job] {
    inside_job = true;
    work_on(*job, 0, [] { return true; });
    inside_job = false;
  };
  work();
  job->gate.fetch_and(~kOpen, std::memory_order_seq_cst);
  // There is room for a helper again.
  const int callers = p.callers.fetch_sub(1, std::memory_order_acq_rel) - 1;
  if (callers > 0) post(p, callers);
  const auto busy = [job] { return (job->gate.load(std::memory_order_seq_cst) & kInsideMask) != 0; };
  for (int spin = 0; spin < kSpins && busy(); ++spin) pause();
  while (busy()) {
    p.waiting.fetch_add(1, std::memory_order_seq_cst);
    const uint32_t before = p.finished.load(std::memory_order_acquire);
    if (busy()) sleep_while(p.finished, before);
    p.waiting.fetch_sub(1, std::memory_order_seq_cst);
  }
  // What a helper carried from one slot to its own while this thread looked for it, and left there to make room.
  work();
  job->gate.store(0, std::memory_order_release);
}

}  // namespace ts
