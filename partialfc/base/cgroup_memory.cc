#include "partialfc/base/cgroup_memory.h"

#include <algorithm>
#include <fstream>
#include <string>
#include <string_view>

namespace partialfc {

namespace {

namespace fs = std::filesystem;

// Names of one version's files in a group's folder.
struct Files {
  const char* limit;
  const char* usage;
  const char* unused_pages;  // field of memory.stat
};
constexpr Files kVersion1 = {"memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"};
constexpr Files kVersion2 = {"memory.max", "memory.current", "inactive_file"};

// The number in a file; nothing where there is none: no file, or the word "max".
std::optional<int64_t> number_in(const fs::path& path) {
  std::ifstream file(path);
  int64_t number;
  return file >> number ? std::optional(number) : std::nullopt;
}

int64_t stat_field(const fs::path& folder, std::string_view field) {
  std::ifstream file(folder / "memory.stat");
  int64_t value;
  for (std::string name; file >> name >> value;)
    if (name == field) return value;
  return 0;
}

void take_least(std::optional<int64_t>& least, const fs::path& folder, const Files& files) {
  constexpr int64_t kNoLimit = int64_t{1} << 60;  // version 1 writes the largest multiple of a page
  const std::optional<int64_t> limit = number_in(folder / files.limit);
  const std::optional<int64_t> usage = number_in(folder / files.usage);
  if (!limit || !usage || *limit >= kNoLimit) return;
  const int64_t left = std::max<int64_t>(0, *limit - *usage + stat_field(folder, files.unused_pages));
  least = std::min(left, least.value_or(left));
}

}  // namespace

std::optional<int64_t> cgroup_memory_left(const fs::path& groups, const fs::path& mounts) {
  std::optional<int64_t> least;
  std::ifstream file(groups);
  for (std::string line; std::getline(file, line);) {  // hierarchy:controllers:/group
    const size_t first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (!controllers.empty() && controllers != "memory") continue;
    const fs::path root = controllers.empty() ? mounts : mounts / controllers;
    const Files& files = controllers.empty() ? kVersion2 : kVersion1;
    // A container often sees its own group where the root should be: folders that are not there are passed over.
    fs::path group = fs::path(line.substr(second + 1)).relative_path();
    for (; !group.empty(); group = group.parent_path()) take_least(least, root / group, files);
    take_least(least, root, files);
  }
  return least;
}

}  // namespace partialfc
