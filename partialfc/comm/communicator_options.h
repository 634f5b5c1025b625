// How long ranks bear with each other.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace partialfc {

struct CommunicatorOptions {
  std::chrono::milliseconds timeout = std::chrono::minutes(10);  // of a wait; positive

  // Of processes; ranks that are threads of one need none of it. The functions are called from a thread of the
  // communicator's own.

  // Silence of a rank's progress thread that is fatal; 0: none, else at least a second.
  std::chrono::milliseconds heartbeat = std::chrono::seconds(30);
  // Told where a rank has waited for long: who waits for whom. On one rank.
  std::function<void(const std::string& line)> on_long_wait;
  // Told a LostRankError's message some seconds after the loss, if this process still runs then: to end it, whatever
  // it does. MPI is not to be called any more.
  std::function<void(const std::string& why)> on_lost;

  void check() const;  // throws UsageError
};

}  // namespace partialfc
