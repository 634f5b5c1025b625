// For tests: a program run as a child process, with its output and exit code.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace partialfc {

struct ChildResult {
  int exit_code = -1;  // 128 + the signal where one ended it
  std::string out, err;
  double seconds = 0;
  int64_t peak_memory = 0;  // bytes, of the largest process: of its own children too
};

class ChildProcess {
 public:
  struct Options {
    std::filesystem::path folder;  // where it runs, and where its output is kept meanwhile
    int64_t largest_file = 0;      // bytes; a write beyond fails, as on a full disk. 0: any
  };

  // command[0] is looked for in PATH unless it has a slash.
  ChildProcess(const std::vector<std::string>& command, const Options& options);
  // Ends a child that is still running.
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  void send(int signal_number) const;
  // Waits for its end; one that takes longer is killed, which the exit code 137 tells.
  ChildResult wait(std::chrono::seconds longest = std::chrono::seconds(60));

 private:
  std::filesystem::path out_, err_;
  std::chrono::steady_clock::time_point began_;
  pid_t id_ = -1;
};

}  // namespace partialfc
