#include "partialfc/base/process_memory.h"

#include <algorithm>
#include <fstream>
#include <string>

#include "partialfc/base/cgroup_memory.h"
#include "partialfc/base/error.h"

namespace partialfc {

namespace {

// The value of a line "field:  123 kB".
int64_t read_field(const char* path, const std::string& field) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);)
    if (line.starts_with(field + ":")) return std::stoll(line.substr(field.size() + 1)) * 1024;
  fail("{}: has no line {}", path, field);
}

}  // namespace

// VmHWM and not getrusage(): the latter's maximum outlives exec(), and would tell of the parent.
int64_t peak_memory() { return read_field("/proc/self/status", "VmHWM"); }
int64_t resident_memory() { return read_field("/proc/self/status", "VmRSS"); }
int64_t own_memory() { return read_field("/proc/self/status", "RssAnon"); }

int64_t available_memory() {
  const int64_t of_machine = read_field("/proc/meminfo", "MemAvailable");
  return std::min(of_machine, cgroup_memory_left().value_or(of_machine));
}

}  // namespace partialfc
