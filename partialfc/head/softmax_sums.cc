#include "partialfc/head/softmax_sums.h"

#include <algorithm>
#include <cmath>

namespace partialfc {

float fixed_shift(float scale) { return std::max(0.0f, scale - 64); }

bool in_range(std::span<const float> negatives) {
  constexpr float kSmallestSum = 1e-30f;  // below it terms have been lost, or there are none
  return std::ranges::all_of(negatives, [](float sum) { return std::isfinite(sum) && sum >= kSmallestSum; });
}

double finish_softmax(float scale, const SoftmaxSums& sums, std::span<float> weights,
                      std::span<double> residuals) {
  const auto samples = static_cast<double>(std::max<size_t>(1, sums.negatives.size()));
  const double s_over_n = scale / samples;
  double loss = 0;
  for (size_t n = 0; n < sums.negatives.size(); ++n) {
    const double log_target = double{sums.target_logits[n]} - sums.shifts[n];
    const SampleSoftmax sample = sample_softmax(s_over_n, sums.negatives[n], log_target);
    loss += sample.loss;
    weights[n] = sample.weight;
    residuals[n] = sample.residual;
  }
  return loss / samples;
}

}  // namespace partialfc
