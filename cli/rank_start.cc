#include "cli/rank_start.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "partialfc/launch/mpirun_command.h"

namespace partialfc {

std::string variable_or_empty(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

HostNeeds host_needs(const std::string& program, bool is_ours) {
  return {.folder = std::filesystem::current_path().string(),
          .program = program,
          .version = is_ours ? "partialfc " PARTIALFC_VERSION : "",
          .path = variable_or_empty("PATH"),
          .library_path = variable_or_empty("LD_LIBRARY_PATH")};
}

std::vector<std::string> exported_environment() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    names.emplace_back(text.substr(0, text.find('=')));
  }
  return exported_variables(names);
}

}  // namespace partialfc
