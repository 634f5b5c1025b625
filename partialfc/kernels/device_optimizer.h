// The optimizer's step of a model's parameters on a device, all of them one array, in the formulas of optimizer_step.h.
// What it depends on (the gradient's norm, and whether it is finite) stays on the device: the host does not wait.
#pragma once

#include <cstdint>

#include "partialfc/device/buffer.h"
#include "partialfc/device/stream.h"
#include "partialfc/device/view.h"
#include "partialfc/kernels/optimizer_step.h"

namespace partialfc {

// What the device knows of its steps.
struct DeviceStepState {
  double norm = 0;      // ‖g‖ of the last gradient, before clipping
  int64_t updates = 0;  // steps that were applied: AdamW's t
};

class DeviceOptimizer {
 public:
  // clip_norm: the largest ‖g‖ that is applied as it is; 0: any. On the device in use; the stream outlives the object.
  DeviceOptimizer(const OptimizerOptions& options, double clip_norm, Stream& stream);

  // Gradient g, weights w, moments m and v (v empty for SGD): (n) each, 16-byte aligned. Where ‖g‖ is not finite
  // nothing is changed but the state's norm. Sums are taken in one order: equal gradients, equal bits.
  void step(double learning_rate, DeviceSpan<const float> g, DeviceSpan<float> w, DeviceSpan<float> m,
            DeviceSpan<float> v);

  // Of the last step. To be called only once the host has waited for the stream behind it.
  const DeviceStepState& state() const { return host_state_[0]; }
  void set_updates(int64_t updates);  // waits

 private:
  const OptimizerOptions options_;
  const double clip_norm_;
  Stream& stream_;
  DeviceBuffer<double> partial_sums_;
  DeviceBuffer<DeviceStepState> state_;
  PinnedBuffer<DeviceStepState> host_state_;
};

}  // namespace partialfc
