#include "partialfc/launch/rank_environment.h"

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string_view>

#include "partialfc/base/error.h"
#include "partialfc/launch/mpirun_command.h"

namespace partialfc {

namespace {

std::string name_in(const std::string& variable) { return variable.substr(0, variable.find('=')); }

void check_variable(const std::string& variable) {
  const std::string name = name_in(variable);
  constexpr const char* kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  if (name.empty() || name.find_first_not_of(kLetters) != std::string::npos)
    fail_usage("-x {}: '{}' is no name of a variable: write -x NAME or -x NAME=VALUE", variable, name);
  if (name == variable && std::getenv(name.c_str()) == nullptr)
    fail_usage("-x {}: {} is not set here: set it, or write -x {}=VALUE", variable, name, name);
}

// Of this process.
std::vector<std::string> names_of_variables() {
  std::vector<std::string> names;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    names.emplace_back(text.substr(0, text.find('=')));
  }
  return names;
}

// The value that ranks see; as of this process where `environment` gives no other.
std::string value_for_ranks(const char* name, const std::vector<std::string>& environment) {
  const std::string beginning = std::string(name) + "=";
  std::string value = variable_or_empty(name);
  for (const std::string& variable : environment)
    if (variable.starts_with(beginning)) value = variable.substr(beginning.size());
  return value;
}

}  // namespace

std::string new_launch_id() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return fmt::format("{:x}-{:x}", std::chrono::nanoseconds(now).count(), ::getpid());
}

std::string variable_or_empty(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::string own_program() { return std::filesystem::read_symlink("/proc/self/exe").string(); }

std::vector<std::string> rank_environment(const std::vector<std::string>& asked_for) {
  std::vector<std::string> names;
  for (const std::string& variable : asked_for) {
    check_variable(variable);
    names.push_back(name_in(variable));
  }
  std::vector<std::string> all = exported_variables(names_of_variables());
  std::erase_if(all, [&](const std::string& name) { return std::ranges::count(names, name) > 0; });
  all.insert(all.end(), asked_for.begin(), asked_for.end());
  return all;
}

HostNeeds host_needs(const std::string& program, const std::string& version,
                     const std::vector<std::string>& environment) {
  return {.folder = std::filesystem::current_path().string(),
          .program = program,
          .version = version,
          .path = value_for_ranks("PATH", environment),
          .library_path = value_for_ranks("LD_LIBRARY_PATH", environment)};
}

}  // namespace partialfc
