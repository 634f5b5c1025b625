#include "partialfc/kernels/device_optimizer.h"

#include <cmath>

#include "partialfc/device/block.h"
#include "partialfc/kernels/device_step_number.h"

namespace partialfc {

namespace {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / kWarp;
constexpr int kSumBlocks = 256;  // whatever the device: so is the order of the sum
constexpr int kSize = Vector<float>::kSize;

// Σ over the threads of a block; thread 0 has it. All threads of a block of kThreads call it.
__device__ inline double block_sum(double value) {
  __shared__ double warp_sums[kWarps];
  for (int lanes = kWarp / 2; lanes > 0; lanes /= 2) value += __shfl_xor_sync(kAllLanes, value, lanes);
  if (threadIdx.x % kWarp == 0) warp_sums[threadIdx.x / kWarp] = value;
  __syncthreads();
  double sum = 0;
  for (int warp = 0; warp < kWarps; ++warp) sum += warp_sums[warp];
  return sum;
}

__global__ void sum_squares(const float* g, int64_t n, double* partial_sums) {
  double sum = 0;
  const int64_t vectors = n / kSize, first = int64_t{blockIdx.x} * kThreads + threadIdx.x;
  for (int64_t i = first; i < vectors; i += int64_t{kSumBlocks} * kThreads) {
    const auto vector = reinterpret_cast<const Vector<float>*>(g)[i];
    for (int e = 0; e < kSize; ++e) sum += double{vector.values[e]} * vector.values[e];
  }
  if (const int64_t i = vectors * kSize + first; i < n) sum += double{g[i]} * g[i];
  sum = block_sum(sum);
  if (threadIdx.x == 0) partial_sums[blockIdx.x] = sum;
}

// One block of kSumBlocks threads.
__global__ void finish_norm(const double* partial_sums, DeviceStepState* state) {
  const double sum = block_sum(partial_sums[threadIdx.x]);
  if (threadIdx.x != 0) return;
  state->norm = sqrt(sum);
  if (std::isfinite(sum)) ++state->updates;
}

__device__ inline float correction(float beta, int64_t t) {
  return static_cast<float>(1 / (1 - pow(double{beta}, static_cast<double>(t))));
}

// The same for all threads of a block; shared, since powers of double take long.
struct StepOfBlock {
  float scale, m_correction, v_correction;
};

template <bool kAdamW>
__global__ void step_numbers(const float* g, float* w, float* m, float* v, int64_t n, NumberStep step,
                             double clip_norm, const DeviceStepState* state) {
  __shared__ StepOfBlock shared;
  const double norm = state->norm;
  if (!std::isfinite(norm)) return;
  if (threadIdx.x == 0) {
    shared.scale = clip_norm > 0 && norm > clip_norm ? static_cast<float>(clip_norm / norm) : 1.0f;
    if constexpr (kAdamW) {
      shared.m_correction = correction(step.optimizer.beta1, state->updates);
      shared.v_correction = correction(step.optimizer.beta2, state->updates);
    }
  }
  __syncthreads();
  if constexpr (kAdamW) step.m_correction = shared.m_correction, step.v_correction = shared.v_correction;
  const float scale = shared.scale;
  const int64_t i = (int64_t{blockIdx.x} * kThreads + threadIdx.x) * kSize;
  if (i + kSize <= n) {
    const auto gradient = *reinterpret_cast<const Vector<float>*>(g + i);
    auto weight = *reinterpret_cast<Vector<float>*>(w + i), first = *reinterpret_cast<Vector<float>*>(m + i);
    Vector<float> second{};
    if constexpr (kAdamW) second = *reinterpret_cast<Vector<float>*>(v + i);
    for (int e = 0; e < kSize; ++e)
      step_number<kAdamW>(step, scale * gradient.values[e], weight.values[e], first.values[e],
                          second.values[e]);
    *reinterpret_cast<Vector<float>*>(w + i) = weight;
    *reinterpret_cast<Vector<float>*>(m + i) = first;
    if constexpr (kAdamW) *reinterpret_cast<Vector<float>*>(v + i) = second;
  } else {
    for (int64_t k = i; k < n; ++k) {
      float none = 0;
      step_number<kAdamW>(step, scale * g[k], w[k], m[k], kAdamW ? v[k] : none);
    }
  }
}

}  // namespace

DeviceOptimizer::DeviceOptimizer(const OptimizerOptions& options, double clip_norm, Stream& stream)
    : options_(options),
      clip_norm_(clip_norm),
      stream_(stream),
      partial_sums_(kSumBlocks),
      state_(1),
      host_state_(1) {
  static_assert(kSumBlocks == kThreads);
  options_.validate();
  set_updates(0);
}

void DeviceOptimizer::set_updates(int64_t updates) {
  stream_.synchronize();  // a step's state may still be on its way there
  host_state_[0] = {.updates = updates};
  copy(host_state_.span(), state_.span(), stream_);
}

void DeviceOptimizer::step(double learning_rate, DeviceSpan<const float> g, DeviceSpan<float> w,
                           DeviceSpan<float> m, DeviceSpan<float> v) {
  const bool adamw = options_.kind == OptimizerOptions::Kind::kAdamW;
  PFC_CHECK(g.size == w.size && m.size == w.size && v.size == (adamw ? w.size : 0));
  PFC_CHECK(allows_vectors(g.address, kSize) && allows_vectors(w.address, kSize) &&
            allows_vectors(m.address, kSize) && allows_vectors(v.address, kSize));
  launch("sum_squares", sum_squares, kSumBlocks, kThreads, 0, stream_, g.address, g.size,
         partial_sums_.span().address);
  launch("finish_norm", finish_norm, 1, kThreads, 0, stream_, partial_sums_.span().address,
         state_.span().address);
  const int64_t numbers = int64_t{kThreads} * kSize;
  launch("step_numbers", adamw ? step_numbers<true> : step_numbers<false>,
         static_cast<unsigned>((w.size + numbers - 1) / numbers), kThreads, 0, stream_, g.address, w.address,
         m.address, v.address, w.size,
         NumberStep{.optimizer = options_, .learning_rate = static_cast<float>(learning_rate)}, clip_norm_,
         state_.span().address);
  copy(state_.span(), host_state_.span(), stream_);
}

}  // namespace partialfc
