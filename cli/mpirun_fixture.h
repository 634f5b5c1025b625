// For tests of the program on several ranks, as mpirun starts them.
#pragma once

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "cli/program_fixture.h"
#include "partialfc/launch/shell_quote.h"

namespace partialfc {

class Mpirun : public ProgramTest {
 protected:
  Mpirun() { allow_mpirun_as_root(); }
  static std::vector<std::string> mpirun(std::vector<std::string> arguments) {
    const std::vector<std::string> begin = {"mpirun", "--oversubscribe", "--bind-to", "none"};
    arguments.insert(arguments.begin(), begin.begin(), begin.end());
    return arguments;
  }
  // Two ranks, of which each runs a command of its own. mpirun has a colon for that, on which 5.0.7 crashes.
  static std::vector<std::string> mpirun_two(const std::vector<std::string>& first,
                                             const std::vector<std::string>& second) {
    return mpirun({"-np", "2", "sh", "-c",
                   fmt::format("[ $OMPI_COMM_WORLD_RANK != 0 ] || exec {}; exec {}", shell_line(first),
                               shell_line(second))});
  }
  static std::vector<std::string> train_on(int ranks, const std::vector<std::string>& more = {}) {
    std::vector<std::string> all = {"-np", std::to_string(ranks), PARTIALFC_PROGRAM, "train", "r.toml", "-o",
                                    "run", "--threads=1"};
    all.insert(all.end(), more.begin(), more.end());
    return mpirun(all);
  }
  ChildResult run_all(const std::vector<std::string>& command) {
    return ChildProcess(command, {.folder = folder_.path()}).wait();
  }
  std::filesystem::path metrics() const { return folder_ / "run/metrics.jsonl"; }
  // Until the run has taken a step; false where it has not within two minutes.
  bool wait_for_metrics() {
    for (int i = 0; i < 12000; ++i) {
      if (std::filesystem::exists(metrics()) && std::filesystem::file_size(metrics()) > 0) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return false;
  }
  std::vector<double> losses() {
    std::istringstream text(read_text_file(metrics()));
    std::vector<double> losses;
    for (std::string line; std::getline(text, line);)
      if (const auto values = nlohmann::json::parse(line); values.contains("loss"))
        losses.push_back(values["loss"]);
    return losses;
  }
  // The process that runs here as that rank; 0: there is none.
  pid_t process_of_rank(int rank) {
    for (const auto& process : std::filesystem::directory_iterator("/proc")) {
      std::error_code ignored;  // it may end meanwhile
      if (std::filesystem::read_symlink(process.path() / "cwd", ignored) !=
          std::filesystem::canonical(folder_.path()))
        continue;
      std::ifstream file(process.path() / "environ");
      for (std::string variable; std::getline(file, variable, '\0');)
        if (variable == fmt::format("OMPI_COMM_WORLD_RANK={}", rank))
          return std::stoi(process.path().filename());
    }
    return 0;
  }
};

}  // namespace partialfc
