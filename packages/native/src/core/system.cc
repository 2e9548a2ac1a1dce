#include "core/system.h"

#if defined(_WIN32)
#define WIN32_LEAN_AND_MEAN
#include <windows.h>
#elif defined(__APPLE__)
#include <dlfcn.h>
#endif

namespace ts {

#if defined(_WIN32)

void sleep_while(const std::atomic<uint32_t>& word, uint32_t old) {
  WaitOnAddress(const_cast<std::atomic<uint32_t>*>(&word), &old, sizeof old, INFINITE);
}

void wake_all(std::atomic<uint32_t>& word) { WakeByAddressAll(&word); }

void keep_loaded() {
  HMODULE own;
  GetModuleHandleExW(GET_MODULE_HANDLE_EX_FLAG_PIN | GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, reinterpret_cast<LPCWSTR>(&keep_loaded), &own);
}

#else

void sleep_while(const std::atomic<uint32_t>& word, uint32_t old) { word.wait(old, std::memory_order_seq_cst); }

void wake_all(std::atomic<uint32_t>& word) { word.notify_all(); }

void keep_loaded() {
#if defined(__APPLE__)
  Dl_info own;
  if (dladdr(reinterpret_cast<void*>(&keep_loaded), &own) != 0) dlopen(own.dli_fname, RTLD_LAZY | RTLD_NOLOAD | RTLD_NODELETE);
#endif
  // On Linux it is linked to stay (-z nodelete).
}

#endif

}  // namespace ts
