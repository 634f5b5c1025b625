// What is run again where it fails: for `launch --max-restarts`.
#pragma once

#include <chrono>
#include <functional>

namespace partialfc {

struct RestartOptions {
  int most = 0;  // restarts
  // Whether nothing is to be run again after this exit code.
  std::function<bool(int exit_code)> is_final = [](int exit_code) { return exit_code == 0; };
  // Whether it was asked to stop meanwhile: then neither.
  std::function<bool()> is_stopped = [] { return false; };
  // Told before each restart, counted from 1, and the pause before it.
  std::function<void(int exit_code, int restart)> on_restart = [](int, int) {};
  std::chrono::seconds pause{3};
};

// Runs it until it ends with a final exit code, `most` times again at most. Returns the last exit code.
int run_with_restarts(const std::function<int()>& run, const RestartOptions& options);

}  // namespace partialfc
