// How many processors the cgroup of this process may use.
#pragma once

namespace ts {

// The smallest CPU quota of the cgroup and those above it, in processors, rounded up; 0 where there is none. Version 2
// (cpu.max) and version 1 (cpu.cfs_quota_us). `self` is /proc/self/cgroup, `mount` is /sys/fs/cgroup.
int quota_threads(const char* self, const char* mount);

}  // namespace ts
