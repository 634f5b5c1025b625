#include "partialfc/launch/restarts.h"

#include <thread>

namespace partialfc {

namespace {

bool stopped_while_waiting(const RestartOptions& options) {
  const auto end = std::chrono::steady_clock::now() + options.pause;
  while (!options.is_stopped() && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  return options.is_stopped();
}

}  // namespace

int run_with_restarts(const std::function<int()>& run, const RestartOptions& options) {
  int exit_code = run();
  for (int restart = 1; restart <= options.most; ++restart) {
    if (options.is_final(exit_code) || options.is_stopped()) break;
    options.on_restart(exit_code, restart);
    if (stopped_while_waiting(options)) break;
    exit_code = run();
  }
  return exit_code;
}

}  // namespace partialfc
