// What a collective operation costs, in closed form: latency and bandwidth, round by round.
//
// R ranks, p of them on a host. In a round every rank that takes part sends one message of m bytes and receives one. Over
// the network it costs α + k·m/β, where k of a host's ranks send to other hosts at once and share its link; inside a
// host α + m/β with a link of each rank's own. A round costs what its slowest message does.
//
//     ring                  all_gather: R − 1 rounds of one part to the next rank, k = 1
//                           all_reduce: 2(R − 1) rounds of 1/R of the vector
//     recursive_doubling    log2 R rounds between ranks 1, 2, 4, … apart, k = p where they are on different hosts:
//                           all_gather: 1, 2, 4, … parts; all_reduce: the vector. R and p powers of two
//     tree                  all_reduce: ⌈log2 R⌉ rounds of the vector to rank 0, along a binomial tree, and as many back
//     pairwise              all_to_all: in round d = 1 … R − 1 a part to the rank d further, k = min(d, p, R − d)
//
// (Thakur, Rabenseifner, Gropp: "Optimization of Collective Communication Operations in MPICH", 2005.) The sum that a
// reduction computes is not counted: memory is faster than any link.
#pragma once

#include <cstdint>
#include <string>

#include "partialfc/plan/machine.h"

namespace partialfc {

enum class CollectiveAlgorithm { kRing, kRecursiveDoubling, kTree, kPairwise };

std::string name_of(CollectiveAlgorithm algorithm);  // "ring", …

struct CollectiveCost {
  CollectiveAlgorithm algorithm = CollectiveAlgorithm::kRing;
  double seconds = 0;
};

// Seconds by one algorithm. bytes: of one rank's part (all_gather, all_to_all) or of the vector (all_reduce).
// Infinity where the algorithm is not for that operation, or not for these ranks.
double all_gather_seconds(CollectiveAlgorithm algorithm, const Interconnect& net, int ranks, int64_t bytes);
double all_reduce_seconds(CollectiveAlgorithm algorithm, const Interconnect& net, int ranks, int64_t bytes);
double all_to_all_seconds(const Interconnect& net, int ranks, int64_t bytes);

// By the fastest algorithm, which is what a library aims to choose. 0 for one rank.
CollectiveCost all_gather_cost(const Interconnect& net, int ranks, int64_t bytes);
CollectiveCost all_reduce_cost(const Interconnect& net, int ranks, int64_t bytes);
// As comm/mpi.cc has it: an all-to-all, then a sum on each rank.
CollectiveCost reduce_scatter_cost(const Interconnect& net, int ranks, int64_t bytes);

}  // namespace partialfc
