// The Node-API binding: memory by address, kernels by number over one pinned record of arguments per environment.
#include <node_api.h>

#include <cstring>
#include <new>
#include <unordered_map>

#include "core/dispatch.h"
#include "core/memory.h"
#include "core/packed.h"
#include "core/pool.h"

namespace {

// What one JavaScript environment (the main thread or a worker) holds. Its references go when it ends.
struct Environment {
  double* args;
  std::unordered_map<void*, int64_t> held;  // references by block
};

// Raised whenever the exported functions or the meaning of arguments change.
constexpr int kAbi = 3;

void close_environment(napi_env, void* data, void*) {
  auto* environment = static_cast<Environment*>(data);
  for (const auto& [block, references] : environment->held) {
    for (int64_t i = 0; i < references; ++i) ts::release(block);
  }
  ts::release(environment->args);
  delete environment;
}

Environment* environment_of(napi_env env) {
  void* data = nullptr;
  napi_get_instance_data(env, &data);
  return static_cast<Environment*>(data);
}

napi_value fail(napi_env env, const char* code, const char* message) {
  napi_throw_error(env, code, message);
  return nullptr;
}

// The call's arguments; missing ones are undefined and fail the conversions below.
template <int N>
bool arguments(napi_env env, napi_callback_info info, napi_value (&out)[N]) {
  size_t count = N;
  return napi_get_cb_info(env, info, &count, out, nullptr, nullptr) == napi_ok;
}

napi_value number(napi_env env, double value) {
  napi_value out = nullptr;
  napi_create_double(env, value, &out);
  return out;
}

bool read_double(napi_env env, napi_value value, double& out) { return napi_get_value_double(env, value, &out) == napi_ok; }

// A block that this environment holds, from its address; null and a pending exception otherwise.
// Whole numbers up to here are exact in JavaScript, and addresses lie below.
constexpr double kMostAddress = 9007199254740992.0;

void* read_block(napi_env env, Environment* environment, napi_value value) {
  double address = 0;
  if (read_double(env, value, address) && address >= 0 && address <= kMostAddress) {
    void* block = reinterpret_cast<void*>(static_cast<uintptr_t>(address));
    if (environment->held.count(block) != 0) return block;
  }
  fail(env, "value", "[native] expected the address of a live block");
  return nullptr;
}

bool read_bytes(napi_env env, napi_value value, void*& data, size_t& length) {
  napi_typedarray_type type;
  if (napi_get_typedarray_info(env, value, &type, &length, &data, nullptr, nullptr) == napi_ok && type == napi_uint8_array) return true;
  fail(env, "value", "[native] expected a Uint8Array");
  return false;
}

// Counts a reference that the block already has as this environment's; without memory to do so it goes, and false.
bool hold(Environment* environment, void* block) {
  try {
    ++environment->held[block];
    return true;
  } catch (const std::bad_alloc&) {
    ts::release(block);
    return false;
  }
}

// run(kernel): undefined when done, else the status; lastError() has the message.
napi_value run(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  int32_t id = -1;
  if (!arguments(env, info, argv) || napi_get_value_int32(env, argv[0], &id) != napi_ok) id = -1;
  ts::Args args(environment_of(env)->args);
  const ts::Status status = ts::run_kernel(id, args);
  if (status == ts::Status::ok) return nullptr;
  return number(env, static_cast<int>(status));
}

// runPlan(address, words): runs the calls of a plan, which lies in a block of this environment. Results as of run.
napi_value run_plan(napi_env env, napi_callback_info info) {
  napi_value argv[2];
  if (!arguments(env, info, argv)) return nullptr;
  Environment* environment = environment_of(env);
  void* block = read_block(env, environment, argv[0]);
  double words = -1;
  if (block == nullptr) return nullptr;
  if (!read_double(env, argv[1], words) || !(words >= 0) || words * sizeof(double) > static_cast<double>(ts::allocated_bytes(block))) {
    return fail(env, "index_out_of_range", "[native] expected a range inside the block");
  }
  const ts::Status status = ts::run_plan(static_cast<double*>(block), static_cast<int64_t>(words), environment->args);
  return status == ts::Status::ok ? nullptr : number(env, static_cast<int>(status));
}

napi_value last_error(napi_env env, napi_callback_info) {
  napi_value out = nullptr;
  napi_create_string_utf8(env, ts::last_error(), NAPI_AUTO_LENGTH, &out);
  return out;
}

// allocate(bytes): an address, 0 where memory is exhausted.
napi_value allocate(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  double bytes = -1;
  if (!arguments(env, info, argv) || !read_double(env, argv[0], bytes) || !(bytes >= 0)) {
    return fail(env, "value", "[native] expected a number of bytes");
  }
  void* block = bytes > 9e15 ? nullptr : ts::allocate(static_cast<size_t>(bytes));
  if (block != nullptr && !hold(environment_of(env), block)) block = nullptr;
  return number(env, static_cast<double>(reinterpret_cast<uintptr_t>(block)));
}

// retain(address): one more reference of this environment, which release gives up.
napi_value retain(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  if (!arguments(env, info, argv)) return nullptr;
  Environment* environment = environment_of(env);
  void* block = read_block(env, environment, argv[0]);
  if (block == nullptr) return nullptr;
  ts::retain(block);
  ++environment->held[block];
  return nullptr;
}

napi_value release(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  if (!arguments(env, info, argv)) return nullptr;
  Environment* environment = environment_of(env);
  void* block = read_block(env, environment, argv[0]);
  if (block == nullptr) return nullptr;
  const auto found = environment->held.find(block);
  if (--found->second == 0) environment->held.erase(found);
  ts::release(block);
  return nullptr;
}

// view(address): an ArrayBuffer over the block's memory. detach(buffer) must come before the block is released.
napi_value view(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  if (!arguments(env, info, argv)) return nullptr;
  void* block = read_block(env, environment_of(env), argv[0]);
  if (block == nullptr) return nullptr;
  napi_value out = nullptr;
  if (napi_create_external_arraybuffer(env, block, ts::allocated_bytes(block), nullptr, nullptr, &out) != napi_ok) {
    return fail(env, "unsupported", "[native] this runtime has no external array buffers");
  }
  return out;
}

napi_value detach(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  if (arguments(env, info, argv)) napi_detach_arraybuffer(env, argv[0]);
  return nullptr;
}

// Shared by read and write: (address, byteOffset, Uint8Array).
napi_value transfer(napi_env env, napi_callback_info info, bool into_block) {
  napi_value argv[3];
  if (!arguments(env, info, argv)) return nullptr;
  void* block = read_block(env, environment_of(env), argv[0]);
  double offset = -1;
  void* data = nullptr;
  size_t length = 0;
  if (block == nullptr || !read_bytes(env, argv[2], data, length)) return nullptr;
  const double size = static_cast<double>(ts::allocated_bytes(block));
  if (!read_double(env, argv[1], offset) || !(offset >= 0) || offset + static_cast<double>(length) > size) {
    return fail(env, "index_out_of_range", "[native] expected a range inside the block");
  }
  char* place = static_cast<char*>(block) + static_cast<size_t>(offset);
  if (length != 0) std::memcpy(into_block ? place : data, into_block ? data : place, length);
  return nullptr;
}

napi_value read(napi_env env, napi_callback_info info) { return transfer(env, info, false); }
napi_value write(napi_env env, napi_callback_info info) { return transfer(env, info, true); }

napi_value share(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  if (!arguments(env, info, argv)) return nullptr;
  void* block = read_block(env, environment_of(env), argv[0]);
  if (block == nullptr) return nullptr;
  const uint64_t handle = ts::share(block);
  if (handle == 0) return fail(env, "out_of_memory", "[native] no memory to share a block");
  napi_value out = nullptr;
  napi_create_bigint_uint64(env, handle, &out);
  return out;
}

// attach(handle): the address in this environment, 0 where the block is gone; args[0] receives its bytes.
napi_value attach(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  uint64_t handle = 0;
  bool lossless = false;
  if (!arguments(env, info, argv) || napi_get_value_bigint_uint64(env, argv[0], &handle, &lossless) != napi_ok) {
    return fail(env, "value", "[native] expected a handle");
  }
  void* block = lossless ? ts::attach(handle) : nullptr;
  if (block != nullptr) {
    Environment* environment = environment_of(env);
    if (!hold(environment, block)) return fail(env, "out_of_memory", "[native] no memory to attach a block");
    environment->args[0] = static_cast<double>(ts::allocated_bytes(block));
  }
  return number(env, static_cast<double>(reinterpret_cast<uintptr_t>(block)));
}

// invalidate(address): the block was written in place, what was derived from it is stale.
napi_value invalidate(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  if (!arguments(env, info, argv)) return nullptr;
  void* block = read_block(env, environment_of(env), argv[0]);
  if (block != nullptr) ts::packed_drop(block);
  return nullptr;
}

// memory(): live, peak and reserved bytes of the process into args[0…2].
napi_value memory(napi_env env, napi_callback_info) {
  const ts::MemoryStats stats = ts::memory_stats();
  double* args = environment_of(env)->args;
  args[0] = static_cast<double>(stats.live);
  args[1] = static_cast<double>(stats.peak);
  args[2] = static_cast<double>(stats.reserved);
  return nullptr;
}

napi_value reset_peak(napi_env, napi_callback_info) {
  ts::reset_peak();
  return nullptr;
}

napi_value trim(napi_env, napi_callback_info) {
  ts::trim();
  return nullptr;
}

napi_value threads(napi_env env, napi_callback_info) { return number(env, ts::threads()); }

napi_value set_threads(napi_env env, napi_callback_info info) {
  napi_value argv[1];
  double count = 0;
  if (!arguments(env, info, argv) || !read_double(env, argv[0], count) || !(count >= 1) || count > 256) {
    return fail(env, "value", "[native] expected 1 to 256 threads");
  }
  ts::set_threads(static_cast<int>(count));
  return nullptr;
}

void set(napi_env env, napi_value object, const char* name, napi_value value) { napi_set_named_property(env, object, name, value); }

void set_function(napi_env env, napi_value object, const char* name, napi_callback callback) {
  napi_value fn = nullptr;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &fn);
  set(env, object, name, fn);
}

napi_value initialise(napi_env env, napi_value exports) {
  auto* environment = new Environment{static_cast<double*>(ts::allocate(ts::kMaxArgs * sizeof(double))), {}};
  if (environment->args == nullptr) {
    delete environment;
    return fail(env, "out_of_memory", "[native] no memory for the argument record");
  }
  std::memset(environment->args, 0, ts::kMaxArgs * sizeof(double));
  napi_set_instance_data(env, environment, close_environment, nullptr);

  napi_value buffer = nullptr, args = nullptr;
  if (napi_create_external_arraybuffer(env, environment->args, ts::kMaxArgs * sizeof(double), nullptr, nullptr, &buffer) != napi_ok) {
    return fail(env, "unsupported", "[native] this runtime has no external array buffers");
  }
  napi_create_typedarray(env, napi_float64_array, ts::kMaxArgs, buffer, 0, &args);
  set(env, exports, "args", args);

  const ts::Isa isa = ts::best_isa();
  napi_value kernels = nullptr, name = nullptr;
  napi_create_object(env, &kernels);
  for (int id = 0; id < ts::kernel_count(isa); ++id) set(env, kernels, ts::kernel(isa, id).name, number(env, id));
  set(env, exports, "kernels", kernels);
  napi_create_string_utf8(env, ts::isa_name(isa), NAPI_AUTO_LENGTH, &name);
  set(env, exports, "isa", name);
  set(env, exports, "abi", number(env, kAbi));

  set_function(env, exports, "run", run);
  set_function(env, exports, "runPlan", run_plan);
  set_function(env, exports, "lastError", last_error);
  set_function(env, exports, "allocate", allocate);
  set_function(env, exports, "retain", retain);
  set_function(env, exports, "release", release);
  set_function(env, exports, "view", view);
  set_function(env, exports, "detach", detach);
  set_function(env, exports, "read", read);
  set_function(env, exports, "write", write);
  set_function(env, exports, "share", share);
  set_function(env, exports, "attach", attach);
  set_function(env, exports, "invalidate", invalidate);
  set_function(env, exports, "memory", memory);
  set_function(env, exports, "resetPeak", reset_peak);
  set_function(env, exports, "trim", trim);
  set_function(env, exports, "threads", threads);
  set_function(env, exports, "setThreads", set_threads);
  return exports;
}

}  // namespace

NAPI_MODULE_INIT() { return initialise(env, exports); }
