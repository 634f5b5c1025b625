#include "trainer/network.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/base/random.h"
#include "trainer/fused_batch_norm.h"
#include "trainer/patch_convolution.h"

namespace partialfc {

namespace {

constexpr int64_t kAlignment = 16;  // floats: a cache line, and a vector of AVX-512

torch::Tensor convolution(const Operation& operation, const torch::Tensor& x, const torch::Tensor& weight) {
  const int64_t stride = operation.stride, padding = operation.padding;
  if (operation.groups == 1 && prefers_patch_convolution(x, weight, stride, padding))
    return patch_convolution(x, weight, stride, padding);
  return torch::conv2d(x, weight, {}, stride, padding, 1, operation.groups);
}

uint64_t hash_of(std::string_view name) {  // FNV-1a
  uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : name) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3u;
  return hash;
}

}  // namespace

Network::Network(Graph graph, const NetworkOptions& options) : graph_(std::move(graph)), options_(options) {
  for (const Operation& operation : graph_.operations()) {
    BoundOperation bound{.operation = operation, .reads = operation.inputs};
    for (TensorSpec& spec : graph_.tensors_of(operation)) {
      bound.parameters.push_back(static_cast<int>(parameters_.size()));
      parameters_.push_back({.spec = std::move(spec)});
    }
    operations_.push_back(std::move(bound));
  }
  fuse_batch_norms();
  for (size_t i = 0; i < operations_.size(); ++i)
    for (const int input : operations_[i].reads) operations_[input].last_use = static_cast<int>(i);
  operations_.back().last_use = static_cast<int>(operations_.size());
  place_in_flat_buffers();
  torch::NoGradGuard no_grad;
  for (Parameter& parameter : parameters_) initialize(parameter);
}

// A BatchNorm whose output goes into one PReLU or one addition only runs as a part of that: the activations are walked
// once instead of twice.
void Network::fuse_batch_norms() {
  std::vector<int> uses(operations_.size(), 0);
  for (const BoundOperation& bound : operations_)
    for (const int input : bound.reads) ++uses[input];
  for (BoundOperation& bound : operations_) {
    const auto kind = bound.operation.kind;
    if (kind != Operation::Kind::kPRelu && kind != Operation::Kind::kAdd) continue;
    for (int& input : bound.reads) {
      BoundOperation& before = operations_[input];
      if (before.operation.kind != Operation::Kind::kBatchNorm || uses[input] != 1) continue;
      bound.batch_norm = input;
      before.runs_elsewhere = true;
      input = std::exchange(before.reads, {})[0];
      std::swap(input, bound.reads[0]);
      break;
    }
  }
}

void Network::place_in_flat_buffers() {
  int64_t trained = 0, statistics = 0, counts = 0;
  const auto place = [](Parameter& parameter, int64_t& total, int64_t alignment) {
    int64_t elements = 1;
    for (const int64_t extent : parameter.spec.shape) elements *= extent;
    parameter.offset = total;
    parameter.padded = (elements + alignment - 1) / alignment * alignment;
    total += parameter.padded;
  };
  for (auto parameter = parameters_.rbegin(); parameter != parameters_.rend(); ++parameter) {
    if (!parameter->spec.trainable) continue;
    place(*parameter, trained, kAlignment);
    trainable_.push_back(&*parameter);
  }
  for (Parameter& parameter : parameters_)
    if (parameter.spec.is_buffer) place(parameter, parameter.spec.is_integer ? counts : statistics, 1);
  const auto floats = torch::TensorOptions(torch::kFloat32).device(options_.device);
  weights_ = torch::zeros({trained}, floats);
  gradients_ = torch::zeros({trained}, floats);
  statistics_ = torch::zeros({statistics}, floats);
  counts_ = torch::zeros({counts}, floats.dtype(torch::kInt64));
  for (Parameter& parameter : parameters_) {
    const TensorSpec& spec = parameter.spec;
    const auto view = [&, strides = strides_of(spec)](const torch::Tensor& flat) {
      return torch::as_strided(flat, spec.shape, strides, parameter.offset);
    };
    if (!spec.trainable) {
      parameter.tensor = !spec.is_buffer   ? torch::zeros(spec.shape, floats)
                         : spec.is_integer ? view(counts_)
                                           : view(statistics_);
      continue;
    }
    parameter.tensor = view(weights_);
    parameter.tensor.set_requires_grad(true);
    parameter.tensor.mutable_grad() = view(gradients_);
  }
}

// Weights of convolutions lie (out, kH, kW, in) in memory with channels_last, as the kernels want them.
std::vector<int64_t> Network::strides_of(const TensorSpec& spec) const {
  const auto& shape = spec.shape;
  if (shape.size() == 4 && options_.channels_last)
    return {shape[1] * shape[2] * shape[3], 1, shape[3] * shape[1], shape[1]};
  std::vector<int64_t> strides(shape.size(), 1);
  for (int d = static_cast<int>(shape.size()) - 2; d >= 0; --d) strides[d] = strides[d + 1] * shape[d + 1];
  return strides;
}

// First values are drawn in the order of the shape, whatever the memory layout, from (seed, name).
void Network::initialize(Parameter& parameter) const {
  using Init = TensorSpec::Init;
  const TensorSpec& spec = parameter.spec;
  const uint64_t key = hash_of(spec.name);
  switch (spec.init) {
    case Init::kZero:
      return;
    case Init::kOne:
      parameter.tensor.fill_(1);
      return;
    case Init::kQuarter:
      parameter.tensor.fill_(0.25);
      return;
    case Init::kNormal:
    case Init::kUniform: {
      const torch::Tensor values = torch::empty(spec.shape, torch::kFloat32);
      const std::span<float> out(values.data_ptr<float>(), static_cast<size_t>(values.numel()));
      if (spec.init == Init::kNormal) {
        fill_normal(out, mix(mix(options_.seed, static_cast<uint64_t>(Purpose::kBackboneInit)), key), 0,
                    static_cast<float>(spec.spread));
      } else {
        RandomStream random(options_.seed, Purpose::kBackboneInit, key);
        for (float& value : out) value = static_cast<float>(random.uniform(-spec.spread, spec.spread));
      }
      parameter.tensor.copy_(values);
      return;
    }
  }
}

void Network::restore_buffers(const Buffers& values) {
  statistics_.copy_(values.statistics);
  counts_.copy_(values.counts);
}

torch::Tensor Network::forward(const torch::Tensor& pixels, const Pass& pass) {
  const Shape expected = graph_.input();
  PFC_CHECK(pixels.dim() == 4 && pixels.size(1) == expected.height && pixels.size(2) == expected.width &&
            pixels.size(3) == expected.channels);
  std::vector<torch::Tensor> values(operations_.size());
  if (pass.training && pass.update_statistics) counts_.add_(1);
  values[0] = to_input(pixels);
  for (size_t i = 1; i < operations_.size(); ++i) {
    if (operations_[i].runs_elsewhere) continue;
    values[i] = run(operations_[i], values, pass);
    for (const int input : operations_[i].reads)
      if (operations_[input].last_use == static_cast<int>(i)) values[input].reset();
  }
  return values.back();
}

// (v/255 − 0.5)/0.5, (n, C, H, W) in the memory layout that the convolutions want.
torch::Tensor Network::to_input(const torch::Tensor& pixels) const {
  torch::Tensor x = pixels.permute({0, 3, 1, 2}).to(torch::kFloat32).mul_(2.0 / 255).sub_(1.0);
  if (options_.precision == Precision::kBFloat16) x = x.to(torch::kBFloat16);
  return x.contiguous(options_.channels_last ? torch::MemoryFormat::ChannelsLast
                                             : torch::MemoryFormat::Contiguous);
}

torch::Tensor Network::run(const BoundOperation& bound, const std::vector<torch::Tensor>& values,
                           const Pass& pass) {
  using Kind = Operation::Kind;
  const Operation& operation = bound.operation;
  const torch::Tensor& x = values[bound.reads[0]];
  const auto weight_like_x = [&](int index) { return tensor(bound, index).to(x.scalar_type()); };
  switch (operation.kind) {
    case Kind::kConv:
      return convolution(operation, x, weight_like_x(0));
    case Kind::kBatchNorm:
      return batch_norm(bound, x, {}, {}, pass);
    case Kind::kPRelu:
      if (bound.batch_norm >= 0)
        return batch_norm(operations_[bound.batch_norm], x, tensor(bound, 0), {}, pass);
      return torch::prelu(x, weight_like_x(0));
    case Kind::kAdd:
      if (bound.batch_norm >= 0)
        return batch_norm(operations_[bound.batch_norm], x, {}, values[bound.reads[1]], pass);
      return x + values[bound.reads[1]];
    case Kind::kFlatten:
      return x.flatten(1);
    case Kind::kDropout:
      return pass.training ? dropout(x, operation.rate, pass) : x;
    case Kind::kLinear: {
      const torch::Tensor y =
          torch::linear(x, weight_like_x(0), operation.bias ? weight_like_x(1) : torch::Tensor());
      return y.to(torch::kFloat32);
    }
    case Kind::kInput:
      break;
  }
  PFC_CHECK(false, "operation {}", operation.name);
}

torch::Tensor Network::batch_norm(const BoundOperation& bound, const torch::Tensor& x,
                                  const torch::Tensor& slope, const torch::Tensor& residual,
                                  const Pass& pass) {
  const bool update = pass.training && pass.update_statistics;
  const BatchNormTensors tensors{.weight = tensor(bound, 0),
                                 .bias = tensor(bound, 1),
                                 .running_mean = tensor(bound, 2),
                                 .running_var = tensor(bound, 3),
                                 .slope = slope,
                                 .residual = residual};
  const BatchNormOptions options{
      .training = pass.training, .momentum = update ? kBatchNormMomentum : 0.0, .epsilon = kBatchNormEpsilon};
  return can_fuse_batch_norm(x) ? fused_batch_norm(x, tensors, options)
                                : plain_batch_norm(x, tensors, options);
}

// Drawn on the host, whatever the device: the same mask everywhere.
torch::Tensor Network::dropout(const torch::Tensor& x, double rate, const Pass& pass) const {
  torch::Tensor mask = torch::empty({x.size(0), x.numel() / x.size(0)},
                                    torch::TensorOptions(torch::kFloat32).pinned_memory(x.is_cuda()));
  const float kept = static_cast<float>(1 / (1 - rate));
  for (int64_t row = 0; row < mask.size(0); ++row) {
    RandomStream random(options_.seed, Purpose::kDropout, static_cast<uint64_t>(pass.step),
                        static_cast<uint64_t>(pass.first_row + row));
    const auto threshold = static_cast<uint32_t>(rate * 4294967296.0);
    float* out = mask.data_ptr<float>() + row * mask.size(1);
    for (int64_t i = 0; i < mask.size(1); ++i) out[i] = random.next_u32() < threshold ? 0.0f : kept;
  }
  return x * mask.view(x.sizes()).to(x.device(), /*non_blocking=*/true).to(x.scalar_type());
}

}  // namespace partialfc
