// Where the numbers come from that a plan takes from outside: given by the user, else measured here, else a default that is
// no machine's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "partialfc/plan/machine.h"

namespace partialfc {

// What short runs of the code that trains have found out about this machine (measure/training_rates.h).
struct MeasuredRates {
  double backbone_flops = 0;  // of the slowest rank: forward and backward of the backbone on a batch
  // Of the head's steps at two batch sizes; time = FLOPs / head_flops + bytes / memory_bandwidth.
  double head_flops = 0, memory_bandwidth = 0;
  int64_t program_bytes = 0;               // resident beside parameters and activations
  std::optional<double> activation_slack;  // none where the batch is too small to tell
  std::optional<Link> link;                // between the ranks that measured, where there are two or more
};

// As users give them, none of which has to be there.
struct GivenMachine {
  std::optional<int> ranks_per_host;
  std::optional<double> memory, program, activation_slack;             // GiB, GiB, share
  std::optional<double> bandwidth, host_bandwidth;                     // GB/s
  std::optional<double> latency, host_latency;                         // us
  std::optional<double> backbone_flops, head_flops, memory_bandwidth;  // GFLOP/s, GB/s
};

// What is known without measuring.
struct KnownMachine {
  int ranks = 1;               // of the run
  int world = 1;               // ranks that look at this machine now,
  int world_on_host = 1;       // and those of them on this host
  int64_t memory_on_host = 0;  // bytes that the ranks of a host can have in all
  int64_t program_bytes = 0;   // of a run that has not been measured
};

// A number and where it came from.
struct PlanInput {
  std::string name;
  double value = 0;
  std::string unit;
  std::string source;  // given, measured here, default
};

struct MachineInputs {
  Machine machine;
  std::vector<PlanInput> list;
};

MachineInputs machine_inputs(const GivenMachine& given, const std::optional<MeasuredRates>& rates,
                             const KnownMachine& known);

}  // namespace partialfc
