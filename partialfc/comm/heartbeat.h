// Signs of life among ranks that are processes.
//
// The ranks form a ring. Each sends a beat to its two neighbours, ten times in the time after which silence is fatal,
// and listens to theirs: a few bytes a second, however many ranks there are. Every chain of ranks that hear each other
// ends at neighbours who are not heard any more, so a rank that died, stopped or was cut off is missed by somebody in
// each part of a network that fell apart; who misses it tells the chain.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

namespace partialfc {

// The ranks that `rank` exchanges beats with: none, one or two of 0 … size − 1.
std::vector<int> heartbeat_neighbours(int rank, int size);

// How long a counter has stood still while this process ran. A look at it counts kMostALook at most: a process that was
// itself stopped, or suspended with its machine, must not take its own sleep for a peer's silence.
class Standstill {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::milliseconds kMostALook{500};

  explicit Standstill(Clock::time_point now) : last_look_(now) {}

  // To be called more often than every kMostALook.
  std::chrono::milliseconds look(int64_t count, Clock::time_point now);

 private:
  int64_t count_ = 0;
  Clock::time_point last_look_;
  Clock::duration still_{0};
};

}  // namespace partialfc
