// From the sums of the softmax over all ranks to the loss and the factors of both gradients: the same on every device that
// lets the host do it.
#pragma once

#include <cstdint>
#include <span>

namespace partialfc {

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

// weights_n ← (s/N)/(Z⁻_n + E_ny), which times E_nj is ∂L/∂c_nj off the target; residuals_n ← (s/N)(p_ny − 1), which times
// ψ' is ∂L/∂c_ny. Returns the loss, mean over n of log(1 + Z⁻_n/E_ny); 0 of no samples.
double finish_softmax(float scale, const SoftmaxSums& sums, std::span<float> weights,
                      std::span<double> residuals);

}  // namespace partialfc
