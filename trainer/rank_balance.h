// How evenly the ranks were loaded: a step takes as long as its slowest rank, and the others wait.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace partialfc {

struct RankBalance {
  std::vector<double> waits;  // share of the time that each rank waited in collectives, 0 … 1
  int slowest = 0;            // the rank that waited least
  double cost = 0;            // share of the time that every other rank waited longer than it, at least
};

// waited[r] of seconds[r]: rank r's, in training steps.
RankBalance rank_balance(std::span<const double> waited, std::span<const double> seconds);

// "ranks waited for each other 4 % to 31 % of the time", and where one rank costs more than a tenth of it, which.
std::string describe(const RankBalance& balance);

}  // namespace partialfc
