#include "trainer/backbone_optimizer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/nn/utils/clip_grad.h>
#include <torch/optim.h>

#include <cmath>
#include <limits>

#include "partialfc/models/backbones.h"

namespace partialfc {
namespace {

Network small_network() {
  return {make_backbone({.name = "small", .input = {1, 6, 6}, .embedding = 7, .width = 3, .stages = 1}), {}};
}

// Gradients of step t: a function of parameter and place, through the tensors' own layout.
void set_gradients(Network& network, int64_t t, double size) {
  torch::manual_seed(t);
  for (const Network::Parameter* parameter : network.trainable())
    parameter->tensor.mutable_grad().copy_(size * torch::randn(parameter->tensor.sizes()));
}

// Takes five steps beside torch's own optimizer, which holds a copy of the parameters, and compares all of them.
template <class TorchOptimizer, class TorchOptions>
void compare_with_torch(const OptimizerOptions& options, const TorchOptions& torch_options,
                        double clip_norm) {
  Network network = small_network();
  std::vector<torch::Tensor> copies;
  for (const Network::Parameter* parameter : network.trainable())
    copies.push_back(parameter->tensor.detach().clone().set_requires_grad(true));
  TorchOptimizer torch_optimizer(copies, torch_options);
  ThreadTeam team(3);
  BackboneOptimizer optimizer(network, options, clip_norm, team, nullptr);
  for (int64_t t = 1; t <= 5; ++t) {
    set_gradients(network, t, t == 3 ? 1e-3 : 1);  // the third is below the norm that is clipped to
    for (size_t i = 0; i < copies.size(); ++i)
      copies[i].mutable_grad() = network.trainable()[i]->tensor.grad().clone();
    const double norm = torch::nn::utils::clip_grad_norm_(
        copies, clip_norm > 0 ? clip_norm : std::numeric_limits<double>::infinity());
    torch_optimizer.step();
    optimizer.step(0.05);
    EXPECT_NEAR(optimizer.gradient_norm(), norm, 1e-5 * norm);
    EXPECT_EQ(optimizer.updates(), t);
  }
  for (size_t i = 0; i < copies.size(); ++i)
    EXPECT_TRUE(torch::allclose(network.trainable()[i]->tensor, copies[i], 1e-5, 1e-6))
        << network.trainable()[i]->spec.name;
}

const OptimizerOptions kSgd{.kind = OptimizerOptions::Kind::kSgd, .momentum = 0.8f, .weight_decay = 0.01f};
const OptimizerOptions kAdamW{.kind = OptimizerOptions::Kind::kAdamW,
                              .weight_decay = 0.1f,
                              .beta1 = 0.7f,
                              .beta2 = 0.95f,
                              .epsilon = 1e-4f};

TEST(BackboneOptimizer, SgdIsTorchs) {
  for (const double clip_norm : {0.0, 2.0})
    compare_with_torch<torch::optim::SGD>(
        kSgd, torch::optim::SGDOptions(0.05).momentum(0.8).weight_decay(0.01), clip_norm);
}

TEST(BackboneOptimizer, AdamWIsTorchs) {
  for (const double clip_norm : {0.0, 2.0})
    compare_with_torch<torch::optim::AdamW>(
        kAdamW, torch::optim::AdamWOptions(0.05).betas({0.7, 0.95}).eps(1e-4).weight_decay(0.1), clip_norm);
}

TEST(BackboneOptimizer, NothingChangesWhereTheGradientIsNotFinite) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    Network network = small_network();
    ThreadTeam team(2);
    BackboneOptimizer optimizer(network, kAdamW, 5, team, nullptr);
    set_gradients(network, 1, 1);
    optimizer.step(0.1);
    const torch::Tensor weights = network.weights().clone();
    std::vector<torch::Tensor> states;
    for (const torch::Tensor& state : optimizer.states()) states.push_back(state.clone());
    network.trainable().back()->tensor.mutable_grad().flatten()[0] = bad;
    optimizer.step(0.1);
    EXPECT_FALSE(std::isfinite(optimizer.gradient_norm()));
    EXPECT_TRUE(torch::equal(network.weights(), weights));
    for (size_t k = 0; k < states.size(); ++k) EXPECT_TRUE(torch::equal(optimizer.states()[k], states[k]));
    EXPECT_EQ(optimizer.updates(), 1);
  }
}

// Ranks clip their copies of one gradient each on its own, and may have different numbers of threads.
TEST(BackboneOptimizer, TheNormIsTheSameToTheBitOnAnyNumberOfThreads) {
  Network network{
      make_backbone({.name = "small", .input = {1, 6, 6}, .embedding = 64, .width = 32, .stages = 1}), {}};
  set_gradients(network, 1, 1);
  std::vector<double> norms;
  for (const int threads : {1, 2, 3, 4, 7}) {
    ThreadTeam team(threads);
    BackboneOptimizer optimizer(network, kSgd, 0, team, nullptr);
    optimizer.step(0);
    norms.push_back(optimizer.gradient_norm());
  }
  EXPECT_THAT(norms, testing::Each(norms[0]));
}

}  // namespace
}  // namespace partialfc
