#include "partialfc/launch/restarts.h"

#include <signal.h>

#include <atomic>
#include <thread>

#include "partialfc/launch/child_process.h"

namespace partialfc {

namespace {

// What a signal handler can reach is global.
std::atomic<int> stop_signal = 0;
std::atomic<pid_t> running_child = 0;
static_assert(std::atomic<int>::is_always_lock_free && std::atomic<pid_t>::is_always_lock_free);

// A terminal sends its signals (Ctrl-C) to all processes before it, the child too: those are not for us to hand on, as two
// of them end mpirun at once.
extern "C" void hand_on(int signal_number, siginfo_t* info, void*) {
  stop_signal = signal_number;
  const pid_t child = running_child;
  if (child > 0 && info->si_code != SI_KERNEL) ::kill(child, signal_number);
}

void hand_on_signals() {
  struct sigaction action {};
  action.sa_sigaction = hand_on;
  action.sa_flags = SA_SIGINFO;
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2}) {
    struct sigaction before {};
    ::sigaction(number, nullptr, &before);
    if (before.sa_handler != SIG_IGN) ::sigaction(number, &action, nullptr);  // nohup's wish is kept
  }
}

int run_once(const std::vector<std::string>& command) {
  ChildProcess child(command, {.capture = false});
  running_child = child.id();
  if (stop_signal != 0) child.send(stop_signal);  // it came before there was a child
  const int exit_code = child.wait(ChildProcess::kForever).exit_code;
  running_child = 0;
  return exit_code;
}

bool stopped_while_waiting(std::chrono::seconds pause) {
  const auto end = std::chrono::steady_clock::now() + pause;
  while (stop_signal == 0 && std::chrono::steady_clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  return stop_signal != 0;
}

}  // namespace

int run_with_restarts(const std::vector<std::string>& command, const RestartOptions& options) {
  hand_on_signals();
  int exit_code = run_once(command);
  for (int restart = 1; restart <= options.most; ++restart) {
    if (options.is_final(exit_code) || stop_signal != 0) break;
    options.on_restart(exit_code, restart);
    if (stopped_while_waiting(options.pause)) break;
    exit_code = run_once(command);
  }
  return exit_code;
}

}  // namespace partialfc
