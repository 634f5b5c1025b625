// The backbone's step: clipping of its gradient, then SGD or AdamW over the flat parameters.
#pragma once

#include <vector>

#include "partialfc/base/parallel.h"
#include "partialfc/kernels/optimizer_step.h"
#include "trainer/network.h"

namespace partialfc {

class BackboneOptimizer {
 public:
  // clip_norm: the largest ‖gradient‖ that is applied as it is; 0: any.
  BackboneOptimizer(Network& network, const OptimizerOptions& options, double clip_norm, ThreadTeam& team);

  // Steps the parameters with the flat gradient, which all ranks hold. Returns ‖gradient‖ before clipping; where that
  // is not finite nothing is changed.
  double step(double learning_rate);

  int64_t updates() const { return updates_; }  // steps that were applied: AdamW's t
  void set_updates(int64_t updates) { updates_ = updates; }
  std::vector<std::vector<float>>& states() { return states_; }  // m, or m and v: (flat weights) each

 private:
  double gradient_norm() const;

  Network& network_;
  const OptimizerOptions options_;
  const double clip_norm_;
  ThreadTeam& team_;
  std::vector<std::vector<float>> states_;
  int64_t updates_ = 0;
};

}  // namespace partialfc
