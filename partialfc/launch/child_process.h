// A program run as a child process: by its arguments, no shell between.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace partialfc {

struct ChildResult {
  int exit_code = -1;    // 128 + the signal where one ended it
  std::string out, err;  // of a child whose output was captured
  double seconds = 0;
  int64_t peak_memory = 0;  // bytes, of the largest process: of its own children too
};

class ChildProcess {
 public:
  struct Options {
    std::filesystem::path folder;  // where it runs; empty: this process's
    bool capture = true;  // keep its output and give it no input, or else share this process's three streams
  };
  static constexpr std::chrono::seconds kForever = std::chrono::seconds::max();

  // command[0] is looked for in PATH unless it has a slash. Throws Error where it cannot be started.
  ChildProcess(const std::vector<std::string>& command, const Options& options);
  // Ends a child that is still running.
  ~ChildProcess();
  ChildProcess(ChildProcess&& other) noexcept;
  ChildProcess& operator=(ChildProcess&&) = delete;

  pid_t id() const { return id_; }
  void send(int signal_number) const;
  // Waits for its end; one that takes longer is killed, which the exit code 137 tells.
  ChildResult wait(std::chrono::seconds longest = std::chrono::seconds(60));

 private:
  std::chrono::steady_clock::time_point began_;
  int out_ = -1, err_ = -1;  // files without names that hold its output
  pid_t id_ = -1;
};

// Goes on as that program, in this process. Returns only where it cannot be started: errno.
int become_program(const std::vector<std::string>& command);

}  // namespace partialfc
