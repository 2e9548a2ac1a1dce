// Status codes of kernels and the message that goes with a failure. Kernels never abort and never throw.
#pragma once

// Formats are those of C99 everywhere: MinGW takes its own to be Microsoft's otherwise.
#if defined(__MINGW32__)
#define TS_PRINTF gnu_printf
#else
#define TS_PRINTF printf
#endif

namespace ts {

// The values are part of the addon's ABI: packages/tensor maps them to error codes.
enum class Status : int {
  ok = 0,
  value = 1,             // an argument that makes no sense
  dtype = 2,             // a dtype that the kernel has no code for
  index_out_of_range = 3,
  out_of_memory = 4,
  unknown_kernel = 5,
};

// Stores a printf-formatted message for the calling thread and gives the status back: `return fail(Status::value, "…")`.
// Only on the thread that entered the kernel, never inside parallel_for.
Status fail(Status status, const char* format, ...) __attribute__((format(TS_PRINTF, 2, 3)));

// The message of this thread's last failure.
const char* last_error();

}  // namespace ts
