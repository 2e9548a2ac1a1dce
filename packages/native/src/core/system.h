#pragma once

#include <atomic>
#include <cstdint>

namespace ts {

// Sleeps while `word` is `old`, perhaps not as long: callers look again. In the place of std::atomic::wait, which without
// futexes is a condition variable that libstdc++ 12 to 15 wakes without its mutex: a wake-up can be lost.
void sleep_while(const std::atomic<uint32_t>& word, uint32_t old);
void wake_all(std::atomic<uint32_t>& word);

// This code stays mapped until the process ends, though a worker that loaded it unloads it: threads run it.
void keep_loaded();

}  // namespace ts
