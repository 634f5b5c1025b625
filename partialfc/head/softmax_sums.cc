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
    const double negatives = sums.negatives[n];
    const double log_target = double{sums.target_logits[n]} - sums.shifts[n];
    const double log_ratio = std::log(negatives) - log_target;  // log(Z⁻/E_y), −infinity without negatives
    loss += log_ratio > 0 ? log_ratio + std::log1p(std::exp(-log_ratio)) : std::log1p(std::exp(log_ratio));
    weights[n] = negatives == 0 ? 0 : static_cast<float>(s_over_n / (negatives + std::exp(log_target)));
    residuals[n] = negatives == 0 ? 0 : -s_over_n / (1 + std::exp(-log_ratio));
  }
  return loss / samples;
}

}  // namespace partialfc
