// Memory that the control groups of this process leave it: containers and batch systems set their limits there, below what
// the machine has. Groups of version 1 and 2, as cgroups(7) and the kernel's admin guides describe them.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace partialfc {

// The least over this process's group and those above it of limit − usage, where file pages that nobody has used for a
// while do not count as used; nothing where no group has a limit. The arguments are for tests.
std::optional<int64_t> cgroup_memory_left(const std::filesystem::path& groups = "/proc/self/cgroup",
                                          const std::filesystem::path& mounts = "/sys/fs/cgroup");

}  // namespace partialfc
