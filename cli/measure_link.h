// Latency and bandwidth between the ranks of a world.
#pragma once

#include <algorithm>
#include <chrono>
#include <span>
#include <string>
#include <vector>

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
  std::nth_element(seconds.begin(), seconds.begin() + runs / 2, seconds.end());
  return seconds[runs / 2];
}

// "latency 25.1 us, bandwidth 1.4 GB/s"
std::string link_text(const Link& link);

// By a gather of next to nothing, and one of megabytes, both by a ring over all ranks: so of its slowest link.
// Collective, of two ranks or more.
Link measure_link(Communicator& world);

}  // namespace partialfc
