#include "trainer/backbone_optimizer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "partialfc/base/trace.h"
#include "partialfc/kernels/vector_ops.h"

namespace partialfc {

BackboneOptimizer::BackboneOptimizer(Network& network, const OptimizerOptions& options, double clip_norm,
                                     ThreadTeam& team)
    : network_(network), options_(options), clip_norm_(clip_norm), team_(team) {
  options_.validate();
  for (int k = 0; k < options_.states(); ++k) states_.emplace_back(network.flat_weights().size(), 0.0f);
}

double BackboneOptimizer::gradient_norm() const {
  const auto gradients = network_.flat_gradients();
  std::vector<double> sums(team_.size(), 0.0);
  team_.for_each_part(0, std::ssize(gradients), [&](int thread, int64_t begin, int64_t end) {
    constexpr int64_t kChunk = 4096;  // float32 sums stay short
    for (int64_t i = begin; i < end; i += kChunk)
      sums[thread] += dot(&gradients[i], &gradients[i], std::min(kChunk, end - i));
  });
  return std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
}

double BackboneOptimizer::step(double learning_rate) {
  const TraceSpan span("backbone.step");
  const double norm = gradient_norm();
  if (!std::isfinite(norm)) return norm;
  ++updates_;
  const auto gradients = network_.flat_gradients();
  const auto weights = network_.flat_weights();
  const bool clips = clip_norm_ > 0 && norm > clip_norm_;
  team_.for_each_part(0, std::ssize(weights), [&](int, int64_t begin, int64_t end) {
    float* g = &gradients[begin];
    if (clips) scale(static_cast<float>(clip_norm_ / norm), g, g, end - begin);
    float* v = states_.size() > 1 ? &states_[1][begin] : nullptr;
    optimizer_step(options_, learning_rate, updates_, g, &weights[begin], &states_[0][begin], v, end - begin);
  });
  return norm;
}

}  // namespace partialfc
