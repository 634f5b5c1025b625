// Watches over a group of MPI ranks, from a thread that goes on where the others hang in MPI: notices that a rank is
// lost, and that ranks wait for each other for long. Internal to comm/.
//
// A neighbour whose beats stop for Options::heartbeat, or an MPI call of this rank's own that takes as long, is a loss.
// The word goes round the ring, then every wait throws LostRankError; where this process still runs kTimeToEnd later,
// Options::on_lost ends it.
//
// A rank that has waited for a third of Options::timeout tells rank 0, which asks all and tells Options::on_long_wait.
#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "partialfc/comm/heartbeat.h"
#include "partialfc/comm/mpi_engine.h"

namespace partialfc {

class MpiWatch {
 public:
  explicit MpiWatch(MpiEngine& engine);
  ~MpiWatch();

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  void look(Clock::time_point now);
  void look_for_a_loss(Clock::time_point now);
  void look_for_long_waits(Clock::time_point now);
  void end_after_loss(const std::string& why, Clock::time_point now);
  GroupState ask_all_but(int rank);

  MpiEngine& engine_;
  const std::chrono::milliseconds heartbeat_, long_wait_;
  Standstill own_;                   // of the progress thread
  std::vector<Standstill> silence_;  // by neighbour
  std::optional<Clock::time_point> lost_since_;
  bool told_loss_ = false;
  Clock::time_point last_explained_;

  std::mutex mutex_;
  std::condition_variable wake_;
  bool ending_ = false;
  std::thread thread_;
};

}  // namespace partialfc
