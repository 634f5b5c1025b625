#include "trainer/fused_batch_norm.h"

#include <fmt/ranges.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <cmath>
#include <string>
#include <vector>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

using torch::Tensor;

enum class After { kNothing, kPRelu, kResidual };

struct Problem {
  After after = After::kNothing;
  bool training = true;
  torch::ScalarType type = torch::kFloat32;
  std::vector<int64_t> shape;  // (n, C, H, W) or (n, C)

  std::string text() const {
    return fmt::format("{}, {}, {}, shape {}",
                       after == After::kPRelu      ? "prelu"
                       : after == After::kResidual ? "residual"
                                                   : "plain",
                       training ? "training" : "fixed statistics", c10::toString(type),
                       fmt::join(shape, " x "));
  }
};

// Options that are nobody's default.
BatchNormOptions options_of(const Problem& p) {
  return {.training = p.training, .momentum = 0.3, .epsilon = 1e-3};
}

Tensor in_layout(const Tensor& x) {
  return x.dim() == 4 ? x.contiguous(torch::MemoryFormat::ChannelsLast) : x.contiguous();
}

// A leaf of `type` with the values of `from`, which are kept in a type that loses nothing of them.
Tensor leaf(const Tensor& from, torch::ScalarType type) {
  return in_layout(from.to(type)).detach().clone().set_requires_grad(true);
}

struct Inputs {
  explicit Inputs(const Problem& p) {
    const int64_t channels = p.shape[1];
    const auto uniform = [](at::IntArrayRef shape, double low, double high) {
      return torch::rand(shape, torch::kFloat32) * (high - low) + low;
    };
    x = (torch::randn(p.shape) * 2 + 3).to(p.type);
    residual = torch::randn(p.shape).to(p.type);
    dy = torch::randn(p.shape).to(p.type);
    weight = uniform({channels}, -1.5, 1.5);
    bias = uniform({channels}, -1, 1);
    slope = uniform({channels}, -0.5, 0.9);
    running_mean = uniform({channels}, 2, 4);
    running_var = uniform({channels}, 1, 6);
  }
  Tensor x, residual, dy, weight, bias, slope, running_mean, running_var;
};

// y, ∂x, ∂weight, ∂bias, the moved running statistics, and ∂slope or ∂residual.
using Results = std::vector<std::pair<std::string, Tensor>>;

template <class Operation>
Results run(const Problem& p, const Inputs& in, Operation operation, torch::ScalarType activations,
            torch::ScalarType parameters) {
  const Tensor x = leaf(in.x, activations), residual = leaf(in.residual, activations);
  const Tensor slope = leaf(in.slope, parameters);
  BatchNormTensors tensors{leaf(in.weight, parameters), leaf(in.bias, parameters),
                           in.running_mean.to(parameters).clone(), in.running_var.to(parameters).clone()};
  if (p.after == After::kPRelu) tensors.slope = slope;
  if (p.after == After::kResidual) tensors.residual = residual;
  const Tensor y = operation(x, tensors, options_of(p));
  y.backward(in.dy.to(activations));  // not channels-last: layouts of gradients are not the caller's care
  Results results = {{"y", y.detach()},
                     {"dx", x.grad()},
                     {"dweight", tensors.weight.grad()},
                     {"dbias", tensors.bias.grad()},
                     {"running_mean", tensors.running_mean},
                     {"running_var", tensors.running_var}};
  if (p.after == After::kPRelu) results.emplace_back("dslope", slope.grad());
  if (p.after == After::kResidual) results.emplace_back("dresidual", residual.grad());
  return results;
}

// Against torch's operations in float64, on the same values.
void expect_torch_results(const Problem& p) {
  torch::manual_seed(7);
  const Inputs in(p);
  const Results got = run(p, in, fused_batch_norm, p.type, torch::kFloat32);
  const Results expected = run(p, in, plain_batch_norm, torch::kFloat64, torch::kFloat64);
  ASSERT_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) {
    const auto& [name, value] = got[i];
    const Tensor& exact = expected[i].second;
    const bool activation = name == "y" || name == "dx" || name == "dresidual";
    EXPECT_EQ(value.scalar_type(), activation ? p.type : torch::kFloat32) << name << ", " << p.text();
    EXPECT_EQ(value.sizes(), exact.sizes()) << name << ", " << p.text();
    // Half a unit in the last place of bfloat16 is 2^-8 of the value.
    const double relative = activation && p.type == torch::kBFloat16 ? 1.0 / 256 : 1e-6;
    const Tensor allowed = exact.abs() * relative + 2e-6 * exact.abs().max() + 1e-6;
    const Tensor excess = ((value.to(torch::kFloat64) - exact).abs() - allowed).max();
    EXPECT_LE(excess.item<double>(), 0) << name << ", " << p.text();
  }
}

TEST(FusedBatchNorm, GivesWhatTorchGives) {
  for (const int64_t channels : {3, 16, 32, 100})
    for (const bool training : {true, false})
      for (const auto type : {torch::kFloat32, torch::kBFloat16})
        for (const After after : {After::kNothing, After::kPRelu, After::kResidual})
          for (const std::vector<int64_t>& shape :
               {std::vector<int64_t>{8, channels, 23, 21}, {2, channels, 1, 3}, {37, channels}})
            expect_torch_results({after, training, type, shape});
}

TEST(FusedBatchNorm, MomentumZeroLeavesTheRunningStatistics) {
  const Problem p{.shape = {5, 4, 3, 3}};
  const Inputs in(p);
  const BatchNormTensors tensors{in.weight, in.bias, in.running_mean.clone(), in.running_var.clone()};
  fused_batch_norm(in_layout(in.x), tensors, {.training = true, .momentum = 0});
  EXPECT_TRUE(torch::equal(tensors.running_mean, in.running_mean));
  EXPECT_TRUE(torch::equal(tensors.running_var, in.running_var));
}

TEST(FusedBatchNorm, LeavesUntrainedParametersAlone) {
  const Problem p{.shape = {5, 4}};
  const Inputs in(p);
  const Tensor x = leaf(in.x, torch::kFloat32), bias = leaf(in.bias, torch::kFloat32);
  const BatchNormTensors tensors{in.weight, bias, in.running_mean, in.running_var};
  fused_batch_norm(x, tensors, {.training = true}).sum().backward();
  EXPECT_FALSE(in.weight.grad().defined());
  EXPECT_EQ(bias.grad()[0].item<float>(), 5);
}

// More threads than cores are fine: what counts is how the rows are cut.
TEST(FusedBatchNorm, EqualThreadsGiveEqualBits) {
  const int threads = torch::get_num_threads();
  for (const int n : {1, 3}) {
    torch::set_num_threads(n);
    const Problem p{.after = After::kPRelu, .shape = {8, 17, 31, 29}};
    const Inputs in(p);
    const Results first = run(p, in, fused_batch_norm, p.type, torch::kFloat32);
    const Results second = run(p, in, fused_batch_norm, p.type, torch::kFloat32);
    for (size_t i = 0; i < first.size(); ++i)
      EXPECT_TRUE(torch::equal(first[i].second, second[i].second))
          << first[i].first << ", " << n << " threads";
    expect_torch_results(p);
  }
  torch::set_num_threads(threads);
}

TEST(FusedBatchNorm, SaysWhatItTakes) {
  const Tensor x = torch::zeros({2, 3, 4, 5});
  EXPECT_FALSE(can_fuse_batch_norm(x));
  EXPECT_TRUE(can_fuse_batch_norm(in_layout(x)));
  EXPECT_TRUE(can_fuse_batch_norm(in_layout(x).to(torch::kBFloat16)));
  EXPECT_FALSE(can_fuse_batch_norm(in_layout(x).to(torch::kFloat64)));
  EXPECT_FALSE(can_fuse_batch_norm(torch::zeros({2, 3, 4})));
  EXPECT_TRUE(can_fuse_batch_norm(torch::zeros({2, 3})));
}

TEST(FusedBatchNorm, TrainingNeedsTwoValuesAChannel) {
  const Problem p{.shape = {1, 4}};
  const Inputs in(p);
  const BatchNormTensors tensors{in.weight, in.bias, in.running_mean, in.running_var};
  for (const auto operation : {fused_batch_norm, plain_batch_norm}) {
    EXPECT_NE(message_of([&] { operation(in.x, tensors, {.training = true}); }).find("1 value a channel"),
              std::string::npos);
    EXPECT_EQ(operation(in.x, tensors, {.training = false}).numel(), 4);
  }
}

}  // namespace
}  // namespace partialfc
