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

std::span<float> host_span(const torch::Tensor& flat) {
  return {flat.data_ptr<float>(), static_cast<size_t>(flat.numel())};
}

DeviceSpan<float> device_span(const torch::Tensor& flat) { return {flat.data_ptr<float>(), flat.numel()}; }

}  // namespace

BackboneOptimizer::BackboneOptimizer(Network& network, const OptimizerOptions& options, double clip_norm,
                                     ThreadTeam& team, Stream* compute)
    : network_(network), options_(options), clip_norm_(clip_norm), team_(team) {
  options_.validate();
  for (int k = 0; k < options_.states(); ++k) states_.push_back(torch::zeros_like(network.weights()));
  if (compute != nullptr) on_device_.emplace(options, clip_norm, *compute);
}

void BackboneOptimizer::set_updates(int64_t updates) {
  updates_ = updates;
  if (on_device_) on_device_->set_updates(updates);
}

double BackboneOptimizer::norm_of_gradient() const {
  const auto gradients = host_span(network_.gradients());
  const int64_t chunks = (std::ssize(gradients) + kChunk - 1) / kChunk;
  std::vector<double> sums(chunks);
  team_.for_each_part(0, chunks, [&](int, int64_t begin, int64_t end) {
    for (int64_t chunk = begin; chunk < end; ++chunk)
      sums[chunk] = sum_of_squares(
          gradients.subspan(chunk * kChunk, std::min(kChunk, std::ssize(gradients) - chunk * kChunk)));
  });
  return std::sqrt(std::accumulate(sums.begin(), sums.end(), 0.0));
}

void BackboneOptimizer::step(double learning_rate) {
  const TraceSpan span("backbone.step");
  if (on_device_) {
    on_device_->step(learning_rate, device_span(network_.gradients()), device_span(network_.weights()),
                     device_span(states_[0]),
                     states_.size() > 1 ? device_span(states_[1]) : DeviceSpan<float>());
  } else {
    step_on_host(learning_rate);
  }
}

void BackboneOptimizer::step_on_host(double learning_rate) {
  norm_ = norm_of_gradient();
  if (!std::isfinite(norm_)) return;
  ++updates_;
  const auto gradients = host_span(network_.gradients()), weights = host_span(network_.weights());
  const bool clips = clip_norm_ > 0 && norm_ > clip_norm_;
  team_.for_each_part(0, std::ssize(weights), [&](int, int64_t begin, int64_t end) {
    float* g = &gradients[begin];
    if (clips) scale(static_cast<float>(clip_norm_ / norm_), g, g, end - begin);
    float* v = states_.size() > 1 ? &host_span(states_[1])[begin] : nullptr;
    optimizer_step(options_, learning_rate, updates_, g, &weights[begin], &host_span(states_[0])[begin], v,
                   end - begin);
  });
}

}  // namespace partialfc
