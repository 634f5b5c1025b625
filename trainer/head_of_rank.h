// The layer as a run has it: its rows on the CPU or on a GPU, called with libtorch's tensors.
#pragma once

#include <torch/types.h>

#include <memory>
#include <optional>
#include <span>

#include "partialfc/comm/communicator.h"
#include "partialfc/device/device_name.h"
#include "partialfc/device/stream.h"
#include "partialfc/head/partial_fc.h"

namespace partialfc {

class HeadOfRank {
 public:
  // Collective. On a GPU its messages go over NCCL, in a world of one through the device's memory alone. frame_bytes: as
  // DeviceVisitsOptions has it. world and team outlive it.
  HeadOfRank(const PartialFCOptions& options, const DeviceName& device, int64_t frame_bytes,
             Communicator& world, ThreadTeam& team);

  PartialFC& layer() { return *layer_; }
  // Collective: PartialFC::forward of this rank's rows. features float32 (n, D), contiguous, in the host's memory; gradients
  // ← ∂loss/∂features likewise.
  StepResult forward(int64_t step, const torch::Tensor& features, std::span<const int64_t> labels,
                     torch::Tensor& gradients);
  // For other ranks, in collectives; 0 on a GPU, whose own work is in these waits too.
  double waited_seconds() const { return stream_ ? 0 : channel_->waited_seconds(); }

 private:
  std::optional<Stream> stream_;  // on a GPU
  std::unique_ptr<Communicator> channel_;
  std::unique_ptr<PartialFC> layer_;
};

}  // namespace partialfc
