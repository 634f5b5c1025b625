// The layer as a run has it: its rows on the CPU or on a GPU, called with libtorch's tensors.
#pragma once

#include <torch/types.h>

#include <memory>
#include <span>

#include "partialfc/comm/communicator.h"
#include "partialfc/head/partial_fc.h"
#include "trainer/compute_device.h"

namespace partialfc {

class HeadOfRank {
 public:
  // Collective. frame_bytes: as DeviceVisitsOptions has it. device, world and team outlive it.
  HeadOfRank(const PartialFCOptions& options, ComputeDevice& device, int64_t frame_bytes, Communicator& world,
             ThreadTeam& team);

  PartialFC& layer() { return *layer_; }
  // Collective: PartialFC::forward of this rank's rows. features float32 (n, D), contiguous, in the host's memory or
  // on the layer's GPU; gradients ← ∂loss/∂features likewise.
  StepResult forward(int64_t step, const torch::Tensor& features, std::span<const int64_t> labels,
                     torch::Tensor& gradients);
  // For other ranks, in collectives; 0 on a GPU, whose own work is in these waits too.
  double waited_seconds() const { return on_gpu_ ? 0 : channel_->waited_seconds(); }

 private:
  const bool on_gpu_;
  torch::Tensor labels_;  // on the GPU, of the last forward()
  std::unique_ptr<Communicator> channel_;
  std::unique_ptr<PartialFC> layer_;
};

}  // namespace partialfc
