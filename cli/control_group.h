// For tests: a control group with a limit on memory, in which programs are run.
#pragma once

#include <fmt/format.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace partialfc {

class ControlGroup {
 public:
  // Null where this process may not make one. Version 1, else 2.
  static std::unique_ptr<ControlGroup> with_memory(int64_t bytes) {
    for (const auto& [mount, limit] : {std::pair{"/sys/fs/cgroup/memory", "memory.limit_in_bytes"},
                                       std::pair{"/sys/fs/cgroup", "memory.max"}}) {
      const std::filesystem::path folder =
          std::filesystem::path(mount) / fmt::format("partialfc_test_{}", ::getpid());
      std::error_code code;
      if (!std::filesystem::create_directory(folder, code)) continue;
      std::unique_ptr<ControlGroup> group(new ControlGroup(folder));
      if (std::filesystem::exists(folder / limit) && std::ofstream(folder / limit) << bytes << std::flush)
        return group;
    }
    return nullptr;
  }
  ~ControlGroup() {
    std::error_code ignored;  // a group that still has processes stays
    std::filesystem::remove(folder_, ignored);
  }
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;

  // A command that runs `command` in the group.
  std::vector<std::string> enter(const std::vector<std::string>& command) const {
    std::vector<std::string> all = {"sh", "-c", R"(echo $$ > "$0/cgroup.procs" && exec "$@")",
                                    folder_.string()};
    all.insert(all.end(), command.begin(), command.end());
    return all;
  }

 private:
  explicit ControlGroup(std::filesystem::path folder) : folder_(std::move(folder)) {}

  const std::filesystem::path folder_;
};

}  // namespace partialfc
