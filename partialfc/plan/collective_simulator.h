// Plays the algorithms of collective_model.h message by message, for tests of its closed forms.
//
// No round has a barrier: a rank goes on once its own message is sent and the one it waits for has come. A message
// between hosts queues for its host's link out and for the other host's link in, in the order in which messages are
// ready; one inside a host has its sender's link for itself. It is there `latency` after its last byte left, or later where
// the link in is busy.
#pragma once

#include <functional>

#include "partialfc/plan/collective_model.h"

namespace partialfc {

// A rank's part in a round; −1: it sends nothing, or waits for nothing.
struct SimulatedRound {
  int to = -1, from = -1;
  double bytes = 0;  // sent
};

// Seconds until all ranks have played `rounds` rounds.
double simulate(const Interconnect& net, int ranks, int rounds,
                const std::function<SimulatedRound(int rank, int round)>& part);

double simulate_all_gather(CollectiveAlgorithm algorithm, const Interconnect& net, int ranks, int64_t bytes);
double simulate_all_reduce(CollectiveAlgorithm algorithm, const Interconnect& net, int ranks, int64_t bytes);
double simulate_all_to_all(const Interconnect& net, int ranks, int64_t bytes);

}  // namespace partialfc
