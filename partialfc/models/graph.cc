#include "partialfc/models/graph.h"

#include <cmath>
#include <numeric>

#include "partialfc/base/error.h"

namespace partialfc {

using Kind = Operation::Kind;
using Init = TensorSpec::Init;

Graph::Graph(Shape input, WeightInit weight_init) : weight_init_(weight_init) {
  if (input.channels <= 0 || input.height <= 0 || input.width <= 0)
    fail_usage("input of {} channels, {} x {}: all must be positive", input.channels, input.height,
               input.width);
  operations_.push_back({.kind = Kind::kInput, .name = "input", .output = input});
}

int Graph::append(Operation operation) {
  operations_.push_back(std::move(operation));
  return static_cast<int>(operations_.size()) - 1;
}

int Graph::conv(int input, std::string name, int64_t channels, int64_t kernel, int64_t stride,
                int64_t padding, int64_t groups) {
  const Shape& in = shape_of(input);
  const auto extent = [&](int64_t size) { return (size + 2 * padding - kernel) / stride + 1; };
  if (in.height + 2 * padding < kernel || in.width + 2 * padding < kernel)
    fail_usage("{}: a {} x {} image is too small for this backbone", name, operations_[0].output.height,
               operations_[0].output.width);
  PFC_CHECK(in.channels % groups == 0 && channels % groups == 0, "{}", name);
  return append({.kind = Kind::kConv,
                 .name = std::move(name),
                 .inputs = {input},
                 .output = {channels, extent(in.height), extent(in.width)},
                 .kernel_height = kernel,
                 .kernel_width = kernel,
                 .stride = stride,
                 .padding = padding,
                 .groups = groups});
}

int Graph::conv_to_point(int input, std::string name) {
  const Shape in = shape_of(input);
  return append({.kind = Kind::kConv,
                 .name = std::move(name),
                 .inputs = {input},
                 .output = {in.channels, 1, 1},
                 .kernel_height = in.height,
                 .kernel_width = in.width,
                 .groups = in.channels});
}

int Graph::batch_norm(int input, std::string name, bool trainable_weight) {
  return append({.kind = Kind::kBatchNorm,
                 .name = std::move(name),
                 .inputs = {input},
                 .output = shape_of(input),
                 .trainable_weight = trainable_weight});
}

int Graph::prelu(int input, std::string name) {
  return append(
      {.kind = Kind::kPRelu, .name = std::move(name), .inputs = {input}, .output = shape_of(input)});
}

int Graph::add(int a, int b) {
  PFC_CHECK(shape_of(a) == shape_of(b));
  return append({.kind = Kind::kAdd, .inputs = {a, b}, .output = shape_of(a)});
}

int Graph::flatten(int input) {
  return append({.kind = Kind::kFlatten, .inputs = {input}, .output = {shape_of(input).elements()}});
}

int Graph::dropout(int input, std::string name, double rate) {
  if (!(rate >= 0 && rate < 1)) fail_usage("dropout rate {}: must be in [0, 1)", rate);
  return append({.kind = Kind::kDropout,
                 .name = std::move(name),
                 .inputs = {input},
                 .output = shape_of(input),
                 .rate = rate});
}

int Graph::linear(int input, std::string name, int64_t features, bool bias) {
  return append({.kind = Kind::kLinear,
                 .name = std::move(name),
                 .inputs = {input},
                 .output = {features},
                 .bias = bias});
}

std::vector<TensorSpec> Graph::tensors_of(const Operation& operation) const {
  const Shape& in = operations_[operation.inputs.empty() ? 0 : operation.inputs[0]].output;
  const std::string& name = operation.name;
  const int64_t channels = operation.output.channels;
  switch (operation.kind) {
    case Kind::kConv: {
      const int64_t taps = operation.kernel_height * operation.kernel_width;
      const double fan_out =
          static_cast<double>(channels * taps);  // PyTorch's fan_out does not divide by the groups
      const double sigma = weight_init_ == WeightInit::kIResNet ? 0.1 : std::sqrt(2 / fan_out);
      return {{.name = name + ".weight",
               .shape = {channels, in.channels / operation.groups, operation.kernel_height,
                         operation.kernel_width},
               .init = Init::kNormal,
               .spread = sigma}};
    }
    case Kind::kBatchNorm:
      return {{.name = name + ".weight",
               .shape = {channels},
               .init = Init::kOne,
               .trainable = operation.trainable_weight},
              {.name = name + ".bias", .shape = {channels}},
              {.name = name + ".running_mean", .shape = {channels}, .trainable = false, .is_buffer = true},
              {.name = name + ".running_var",
               .shape = {channels},
               .init = Init::kOne,
               .trainable = false,
               .is_buffer = true},
              {.name = name + ".num_batches_tracked",
               .shape = {},
               .trainable = false,
               .is_buffer = true,
               .is_integer = true}};
    case Kind::kPRelu:
      return {{.name = name + ".weight", .shape = {channels}, .init = Init::kQuarter}};
    case Kind::kLinear: {
      const double bound = 1 / std::sqrt(static_cast<double>(in.elements()));
      TensorSpec weight{.name = name + ".weight",
                        .shape = {channels, in.elements()},
                        .init = Init::kUniform,
                        .spread = bound};
      if (weight_init_ == WeightInit::kHeFanOut) {
        weight.init = Init::kNormal;
        weight.spread = std::sqrt(2 / static_cast<double>(channels));
      }
      std::vector<TensorSpec> specs = {weight};
      if (operation.bias)
        specs.push_back(
            {.name = name + ".bias", .shape = {channels}, .init = Init::kUniform, .spread = bound});
      return specs;
    }
    case Kind::kInput:
    case Kind::kAdd:
    case Kind::kFlatten:
    case Kind::kDropout:
      return {};
  }
  PFC_CHECK(false, "operation {}", name);
}

std::vector<TensorSpec> Graph::tensors() const {
  std::vector<TensorSpec> all;
  for (const Operation& operation : operations_)
    for (TensorSpec& spec : tensors_of(operation)) all.push_back(std::move(spec));
  return all;
}

int64_t Graph::parameter_count() const {
  int64_t count = 0;
  for (const TensorSpec& spec : tensors())
    if (spec.trainable)
      count += std::accumulate(spec.shape.begin(), spec.shape.end(), int64_t{1}, std::multiplies<>());
  return count;
}

int64_t Graph::forward_flops_of(const Operation& operation) const {
  const Shape& in = operations_[operation.inputs.empty() ? 0 : operation.inputs[0]].output;
  if (operation.kind == Kind::kConv)
    return 2 * operation.output.elements() * (in.channels / operation.groups) * operation.kernel_height *
           operation.kernel_width;
  return operation.kind == Kind::kLinear ? 2 * operation.output.elements() * in.elements() : 0;
}

int64_t Graph::forward_flops() const {
  int64_t flops = 0;
  for (const Operation& operation : operations_) flops += forward_flops_of(operation);
  return flops;
}

}  // namespace partialfc
