#include "trainer/backbone_optimizer.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>

#include "partialfc/base/trace.h"
#include "partialfc/kernels/vector_ops.h"

namespace partialfc {

namespace {

constexpr int64_t kChunk = 4096;  // float32 sums stay short

// Every rank clips its own copy of the gradient: were the norm not the same to the bit on any CPU (so no SIMD that is
// chosen at run time) and with any number of threads (so fixed chunks), the copies of the model would drift apart.
double sum_of_squares(std::span<const float> values) {
  constexpr size_t kLanes = 16;  // independent sums: the compiler may take them side by side
  std::array<float, kLanes> sums{};
  const size_t whole = values.size() / kLanes * kLanes;
  for (size_t i = 0; i < whole; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane) sums[lane] += values[i + lane] * values[i + lane];
  for (size_t i = whole; i < values.size(); ++i) sums[i - whole] += values[i] * values[i];
  return std::accumulate(sums.begin(), sums.end(), 0.0);
}

}  // namespace

BackboneOptimizer::BackboneOptimizer(Network& network, const OptimizerOptions& options, double clip_norm,
                                     ThreadTeam& team)
    : network_(network), options_(options), clip_norm_(clip_norm), team_(team) {
  options_.validate();
  for (int k = 0; k < options_.states(); ++k) states_.emplace_back(network.flat_weights().size(), 0.0f);
}

double BackboneOptimizer::gradient_norm() const {
  const auto gradients = network_.flat_gradients();
  const int64_t chunks = (std::ssize(gradients) + kChunk - 1) / kChunk;
  std::vector<double> sums(chunks);
  team_.for_each_part(0, chunks, [&](int, int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk)
      sums[chunk] = sum_of_squares(
          gradients.subspan(chunk * kChunk, std::min(kChunk, std::ssize(gradients) - chunk * kChunk)));
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
