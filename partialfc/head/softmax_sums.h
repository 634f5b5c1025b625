// From the sums of the softmax over all ranks to the loss and the factors of both gradients: the same on every device that
// lets the host do it.
#pragma once

#include <cmath>
#include <cstdint>
#include <span>

#include "partialfc/base/host_device.h"

namespace partialfc {

// What the sums mean for one sample.
struct SampleSoftmax {
  double loss = 0;      // log(1 + Z⁻/E_y)
  float weight = 0;     // (s/N)/(Z⁻ + E_y), which times E_j is ∂L/∂c_j off the target
  double residual = 0;  // (s/N)(p_y − 1), which times ψ' is ∂L/∂c_y
};

// negatives: Z⁻ under the shift κ; log_target: z_y − κ. Without negatives all is 0.
PFC_HOST_DEVICE inline SampleSoftmax sample_softmax(double s_over_n, double negatives, double log_target) {
  if (negatives == 0) return {};
  const double log_ratio = log(negatives) - log_target;  // log(Z⁻/E_y)
  return {log_ratio > 0 ? log_ratio + log1p(exp(-log_ratio)) : log1p(exp(log_ratio)),
          static_cast<float>(s_over_n / (negatives + exp(log_target))), -s_over_n / (1 + exp(-log_ratio))};
}

// The shift κ that keeps exp(s·c − κ) inside float32's range for |c| <= 1 and the scales s in use.
float fixed_shift(float scale);

// Whether every Z⁻_n has its digits: finite, and not so small that terms may be missing.
bool in_range(std::span<const float> negatives);

// Of N samples, all over the active classes of all ranks.
struct SoftmaxSums {
  std::span<const float> negatives;      // Z⁻ (N), under the shifts
  std::span<const float> target_logits;  // z_y (N)
  std::span<const float> shifts;         // κ (N)
};

// weights_n and residuals_n ← those of sample_softmax(). Returns the loss, its mean over n; 0 of no samples.
double finish_softmax(float scale, const SoftmaxSums& sums, std::span<float> weights,
                      std::span<double> residuals);

}  // namespace partialfc
