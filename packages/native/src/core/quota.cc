#include "core/quota.h"

#include <climits>
#include <cstdio>
#include <string>

namespace ts {
namespace {

std::string first_line(const std::string& path) {
  std::string line;
  if (FILE* file = std::fopen(path.c_str(), "r")) {
    char text[128] = "";
    if (std::fgets(text, sizeof text, file) != nullptr) line = text;
    std::fclose(file);
  }
  return line;
}

// Processors of one cgroup's folder; 0: no quota there, or no such folder.
int quota_of(const std::string& folder, bool v2) {
  long long quota = -1, period = 100000;
  if (v2) {
    if (std::sscanf(first_line(folder + "/cpu.max").c_str(), "%lld %lld", &quota, &period) < 1) return 0;  // "max 100000"
  } else {
    if (std::sscanf(first_line(folder + "/cpu.cfs_quota_us").c_str(), "%lld", &quota) != 1) return 0;
    if (std::sscanf(first_line(folder + "/cpu.cfs_period_us").c_str(), "%lld", &period) != 1) period = 100000;
  }
  if (quota <= 0 || period <= 0) return 0;
  const long long processors = (quota - 1) / period + 1;
  return processors < INT_MAX ? static_cast<int>(processors) : INT_MAX;
}

// Over the group at `path` and all above it. A container sees its own group as the root, or a path that does not exist here:
// the walk ends at the mount either way.
int walk(const std::string& mount, std::string path, bool v2) {
  int least = 0;
  for (;;) {
    const int quota = quota_of(mount + (path == "/" ? "" : path), v2);
    if (quota > 0 && (least == 0 || quota < least)) least = quota;
    const size_t slash = path.rfind('/');
    if (slash == std::string::npos || path.empty()) return least;
    path.resize(slash);
  }
}

int smaller(int a, int b) { return a == 0 ? b : b == 0 ? a : a < b ? a : b; }

// True if `cpu` is one of the controllers of "cpu,cpuacct".
bool has_cpu(const std::string& controllers) { return ("," + controllers + ",").find(",cpu,") != std::string::npos; }

}  // namespace

int quota_threads(const char* self, const char* mount) {
  const std::string root = mount;
  // The root of the mount counts even where the group's name can't be read.
  int least = smaller(quota_of(root, true), quota_of(root + "/cpu", false));
  FILE* file = std::fopen(self, "r");
  if (file == nullptr) return least;
  char line[4096];
  while (std::fgets(line, sizeof line, file) != nullptr) {
    // hierarchy:controllers:path
    const std::string text = line;
    const size_t first = text.find(':'), second = text.find(':', first == std::string::npos ? first : first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = text.substr(first + 1, second - first - 1);
    std::string path = text.substr(second + 1);
    while (!path.empty() && (path.back() == '\n' || path.back() == '/')) path.pop_back();
    if (controllers.empty()) least = smaller(least, walk(root, path, true));
    if (!has_cpu(controllers)) continue;
    least = smaller(least, walk(root + "/" + controllers, path, false));
    least = smaller(least, walk(root + "/cpu", path, false));
  }
  std::fclose(file);
  return least;
}

}  // namespace ts
