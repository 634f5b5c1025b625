// A command that is started again where it fails: for `launch --max-restarts`.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace partialfc {

struct RestartOptions {
  int most = 0;  // restarts
  // Whether the command is not to be started again after this exit code.
  std::function<bool(int exit_code)> is_final = [](int exit_code) { return exit_code == 0; };
  // Told before each restart, counted from 1, and the pause before it.
  std::function<void(int exit_code, int restart)> on_restart = [](int, int) {};
  std::chrono::seconds pause{3};
};

// Runs the command until it ends with a final exit code, `most` times again at most. Returns the last exit code. SIGINT,
// SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 are handed on to the command, which is not started again after the first of them:
// so once in the life of a process.
int run_with_restarts(const std::vector<std::string>& command, const RestartOptions& options);

}  // namespace partialfc
