// What a collective operation costs, in closed form: latency and bandwidth, round by round.
//
// R ranks, p of them on a host. In a round every rank that takes part sends one message of m bytes and receives one, in
// t = α + m/β. Inside a host each rank has a link of its own; over the network k of a host's ranks share one, and a round
// takes max(α + m/β, k·m/β). There is no barrier between rounds, so that a ring, whose messages cross the network with
// every p-th hop only, is faster than p − 1 of p rounds of the network.
//
//     ring                  all_gather: n = R − 1 rounds of one part to the next rank; all_reduce: n = 2(R − 1) rounds of
//                           1/R of the vector: max(⌈n/p⌉ t_network + (n − ⌈n/p⌉) t_host, n·m/β + α)
//     recursive_doubling    log2 R rounds between ranks 1, 2, 4, … apart, k = p where they are on different hosts:
//                           all_gather: 1, 2, 4, … parts; all_reduce: the vector. R and p powers of two
//     tree                  all_reduce: the vector to rank 0 along a binomial tree, a hop for each bit of a rank's number, and back;
//                           the longest way counts
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
