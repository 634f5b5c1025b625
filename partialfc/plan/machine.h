// What a plan is made with: what one rank's device can do, and what the ranks are connected by. Given, measured or
// assumed by the caller; nothing here is known to the models themselves.
#pragma once

#include <cstdint>

namespace partialfc {

struct Link {
  double latency = 0;    // seconds
  double bandwidth = 0;  // bytes/s, each way
};

// Ranks i·p … i·p + p − 1 are on host i (p = ranks_per_host).
struct Interconnect {
  Link host;     // between two ranks of a host; every rank has one of its own
  Link network;  // between two hosts; a host has one, which its ranks share
  int ranks_per_host = 1;
};

struct Machine {
  double backbone_flops =
      0;                  // FLOP/s of a rank in convolutions and linear layers, forward and backward together
  double head_flops = 0;  // FLOP/s of a rank in the products of the head
  double memory_bandwidth = 0;  // bytes/s of a rank
  Interconnect interconnect;
  int64_t memory_bytes = 0;   // that a rank may have
  int64_t program_bytes = 0;  // resident before anything is trained: libtorch, MPI, the kernels they make
  double activation_slack =
      0;  // what the allocator takes for activations beyond them, as a share of those that are kept
};

}  // namespace partialfc
