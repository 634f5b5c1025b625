// Latency and bandwidth between the ranks of a world.
#pragma once

#include <chrono>
#include <span>
#include <string>
#include <vector>

#include "measure/median.h"
#include "partialfc/comm/communicator.h"
#include "partialfc/plan/machine.h"

namespace partialfc {

// Median of `runs` times of `action`, begun by all ranks at once; of the slowest rank. Collective.
double median_seconds(Communicator& world, int runs, auto action) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> seconds;
  for (int i = 0; i < runs; ++i) {
    world.barrier().wait();
    const auto begin = Clock::now();
    action();
    double elapsed = std::chrono::duration<double>(Clock::now() - begin).count();
    world.all_reduce(std::span(&elapsed, 1), ReduceOp::kMax).wait();
    seconds.push_back(elapsed);
  }
  return median(std::move(seconds));
}

// "latency 25.1 us, bandwidth 1.4 GB/s"
std::string link_text(const Link& link);

// Each rank hands a number to every other one, so that a hole in the network shows. Collective.
void talk_to_all(Communicator& world);

// By gathers of next to nothing, and of 4 MiB a rank, both by a ring over all ranks: so of its slowest link. Collective, of
// two ranks or more.
Link measure_link(Communicator& world);

// Bytes that cross each link of the ring in one of the large gathers of so many ranks, and in the whole measurement.
int64_t bytes_of_large_gather(int ranks);
int64_t bytes_of_measurement(int ranks);

}  // namespace partialfc
