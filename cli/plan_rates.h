// What `partialfc plan --measure` finds out about this machine in a few seconds: short runs of the code that trains.
#pragma once

#include <cstdint>
#include <optional>

#include "partialfc/comm/communicator.h"
#include "partialfc/plan/machine.h"
#include "partialfc/plan/training_shape.h"

namespace partialfc {

struct MeasuredRates {
  double backbone_flops = 0;  // of the slowest rank: forward and backward of the backbone on a batch
  // Of the head's steps at two batch sizes; time = FLOPs / head_flops + bytes / memory_bandwidth.
  double head_flops = 0, memory_bandwidth = 0;
  int64_t program_bytes = 0;               // resident beside parameters and activations
  std::optional<double> activation_slack;  // none where the batch is too small to tell
  std::optional<Link> link;                // between the ranks of `world`, where there are two or more
};

// Collective over `world`, all ranks of which measure at once, with shape.threads threads each. The batch of a rank, the
// global batch, dimensions and precisions are those of `shape`; classes are so few that it takes seconds.
MeasuredRates measure_rates(const TrainingShape& shape, bool channels_last, Communicator& world);

// Bytes of the gradient that the trainer sums in one all_reduce.
int64_t gradient_bucket_bytes();

}  // namespace partialfc
