#include "core/dispatch.h"

#include <cstring>
#include <vector>

#include "core/packed.h"
#include "core/pool.h"

// build.mjs writes families.inc: one line TS_FAMILY_TABLE(isa, family) for each object that it compiled.
#define TS_FAMILY_TABLE(isa, family)          \
  namespace ts::isa {                         \
  extern const ts::KernelTable family##_table; \
  }
#include "families.inc"
#undef TS_FAMILY_TABLE

namespace ts {
namespace {

struct Compiled {
  Isa isa;
  const char* family;
  const KernelTable* table;
};

#define TS_FAMILY_TABLE(isa, family) Compiled{Isa::isa, #family, &ts::isa::family##_table},
const Compiled compiled[] = {
#include "families.inc"
};
#undef TS_FAMILY_TABLE

std::vector<const KernelEntry*> collect(Isa isa) {
  // In the order of families.inc, so that a kernel has one number whatever the instruction family.
  std::vector<const Compiled*> chosen;
  for (const Compiled& candidate : compiled) {
    // What extends AVX-512 is built for some families only: the others have what it extends.
    const bool extended = isa > Isa::avx512 && isa <= Isa::amx && candidate.isa >= Isa::avx512 && candidate.isa <= isa;
    const bool allowed = candidate.isa == isa || extended;
    if (!allowed) continue;
    bool known = false;
    for (const Compiled*& other : chosen) {
      if (std::strcmp(other->family, candidate.family) != 0) continue;
      known = true;
      if (other->isa < candidate.isa) other = &candidate;
    }
    if (!known) chosen.push_back(&candidate);
  }
  std::vector<const KernelEntry*> out;
  for (const Compiled* family : chosen) {
    for (int i = 0; i < family->table->count; ++i) out.push_back(&family->table->entries[i]);
  }
  return out;
}

const std::vector<const KernelEntry*>& kernels_of(Isa isa) {
  static const std::vector<const KernelEntry*>* tables = [] {
    auto* made = new std::vector<const KernelEntry*>[kIsaCount];
    for (int i = 0; i < kIsaCount; ++i) made[i] = collect(static_cast<Isa>(i));
    return made;
  }();
  return tables[static_cast<int>(isa)];
}

}  // namespace

int kernel_count(Isa isa) { return static_cast<int>(kernels_of(isa).size()); }

const KernelEntry& kernel(Isa isa, int id) { return *kernels_of(isa)[static_cast<size_t>(id)]; }

int find_kernel(Isa isa, const char* name) {
  const auto& list = kernels_of(isa);
  for (size_t i = 0; i < list.size(); ++i) {
    if (std::strcmp(list[i]->name, name) == 0) return static_cast<int>(i);
  }
  return -1;
}

Status run_kernel(int id, Args& args) {
  static const std::vector<const KernelEntry*>& best = kernels_of(best_isa());
  if (id < 0 || static_cast<size_t>(id) >= best.size()) {
    return fail(Status::unknown_kernel, "[native] expected a kernel number below %zu, got %d", best.size(), id);
  }
  begin_kernel();
  return best[static_cast<size_t>(id)]->fn(args);
}

// Far more than there are: what is beyond is no number of a kernel.
constexpr double kMostKernels = 1e6;

Status run_plan(const double* plan, int64_t words, double* record) {
  for (int64_t at = 0; at < words;) {
    const bool whole = at + 2 <= words && plan[at] >= kStale && plan[at] <= kMostKernels && plan[at + 1] >= 0 && plan[at + 1] <= kMaxArgs;
    const int64_t count = whole ? static_cast<int64_t>(plan[at + 1]) : 0;
    if (!whole || count > words - at - 2) return fail(Status::value, "[native] the plan is cut off or broken");
    const int id = static_cast<int>(plan[at]);
    std::memcpy(record, plan + at + 2, static_cast<size_t>(count) * sizeof(double));
    Args args(record);
    if (id == kStale) {
      packed_drop(args.ptr<void>(0));
    } else if (const Status status = run_kernel(id, args); status != Status::ok) {
      return status;
    }
    at += 2 + count;
  }
  return Status::ok;
}

}  // namespace ts
