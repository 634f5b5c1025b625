// The backbone's step: clipping of its gradient, then SGD or AdamW over the flat parameters.
#pragma once

#include <torch/types.h>

#include <optional>
#include <vector>

#include "partialfc/base/parallel.h"
#include "partialfc/kernels/device_optimizer.h"
#include "partialfc/kernels/optimizer_step.h"
#include "trainer/network.h"

namespace partialfc {

class BackboneOptimizer {
 public:
  // clip_norm: the largest ‖gradient‖ that is applied as it is; 0: any. compute: the stream of a network on a GPU;
  // else null.
  BackboneOptimizer(Network& network, const OptimizerOptions& options, double clip_norm, ThreadTeam& team,
                    Stream* compute);

  // Steps the parameters with the flat gradient, which all ranks hold. Where ‖gradient‖ is not finite nothing is
  // changed.
  void step(double learning_rate);
  // ‖gradient‖ before clipping; of the last step; on a GPU once the host has waited for the stream behind it.
  double gradient_norm() const { return on_device_ ? on_device_->state().norm : norm_; }

  // Steps that were applied: AdamW's t. On a GPU: once the host has waited for the stream.
  int64_t updates() const { return on_device_ ? on_device_->state().updates : updates_; }
  void set_updates(int64_t updates);
  const std::vector<torch::Tensor>& states() const {
    return states_;
  }  // m, or m and v: as long as the flat weights

 private:
  double norm_of_gradient() const;
  void step_on_host(double learning_rate);

  Network& network_;
  const OptimizerOptions options_;
  const double clip_norm_;
  ThreadTeam& team_;
  std::vector<torch::Tensor> states_;
  std::optional<DeviceOptimizer> on_device_;
  double norm_ = 0;
  int64_t updates_ = 0;
};

}  // namespace partialfc
