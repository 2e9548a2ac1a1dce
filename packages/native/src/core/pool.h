// One pool of threads for the whole process: every environment's kernels share it, and callers count as threads at work, so
// several engines in one process do not oversubscribe the machine.
#pragma once

#include <cstdint>

namespace ts {

// Threads that a kernel may use, the caller's included: at first $TESSERA_THREADS, else available_threads(). Until the next
// begin_kernel() no more than these run ranges of this thread's, so that a kernel can make scratch for each of them.
int threads();
void begin_kernel();
// 1 … 256; a larger pool is grown at once, threads of a smaller one stay asleep.
void set_threads(int count);
// What the process may use: affinity and, on Linux, the cgroup's CPU quota.
int available_threads();

using RangeFn = void (*)(void* context, int64_t begin, int64_t end, int slot);

// Calls fn over disjoint ranges that cover [0, n), each a multiple of `grain` long but the last. The caller works too
// and returns when all is done; a nested call runs on its own thread. slot is in [0, threads()), unique among the
// ranges running at one time: an index of per-thread scratch. Which thread runs a range, and how [0, n) is cut, must
// not change any result.
void parallel_ranges(int64_t n, int64_t grain, RangeFn fn, void* context);

// parallel_for(n, grain, [&](int64_t begin, int64_t end, int slot) { … });
template <class F>
inline void parallel_for(int64_t n, int64_t grain, const F& fn) {
  parallel_ranges(
      n, grain,
      [](void* context, int64_t begin, int64_t end, int slot) { (*static_cast<const F*>(context))(begin, end, slot); },
      const_cast<void*>(static_cast<const void*>(&fn)));
}

}  // namespace ts
