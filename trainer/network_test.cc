#include "trainer/network.h"

#include <gtest/gtest.h>
#include <torch/types.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "partialfc/models/backbones.h"

namespace partialfc {
namespace {

constexpr Shape kInput = {2, 8, 12};

Graph small_graph() {
  return make_backbone({.name = "small", .input = kInput, .embedding = 5, .width = 4, .stages = 1});
}

// uint8 (n, H, W, C), every value a function of its place.
torch::Tensor test_pixels(int64_t n, Shape shape) {
  torch::Tensor pixels = torch::empty({n, shape.height, shape.width, shape.channels}, torch::kUInt8);
  for (int64_t i = 0; i < pixels.numel(); ++i)
    pixels.data_ptr<uint8_t>()[i] = static_cast<uint8_t>(i * i * 31 + i * 7);
  return pixels;
}

double largest_difference(const torch::Tensor& a, const torch::Tensor& b) {
  return (a - b).abs().max().item<double>();
}

TEST(Network, NamesAndShapesAreThoseOfThePyTorchModule) {
  Network network(small_graph(), {});
  const std::vector<std::pair<std::string, std::vector<int64_t>>> expected = {
      {"conv1.weight", {4, 2, 3, 3}},
      {"prelu.weight", {4}},
      {"layer1.0.bn1.weight", {4}},
      {"layer1.0.bn1.running_var", {4}},
      {"layer1.0.bn1.num_batches_tracked", {}},
      {"layer1.0.conv2.weight", {4, 4, 3, 3}},
      {"layer1.0.downsample.0.weight", {4, 4, 1, 1}},
      {"layer1.0.downsample.1.bias", {4}},
      {"bn2.weight", {4}},
      {"fc.weight", {5, 4 * 4 * 6}},
      {"fc.bias", {5}},
      {"features.weight", {5}},
      {"features.running_mean", {5}},
  };
  std::map<std::string, std::vector<int64_t>> found;
  for (const Network::Parameter& parameter : network.parameters()) {
    EXPECT_EQ(parameter.tensor.sizes().vec(), parameter.spec.shape);
    found[parameter.spec.name] = parameter.spec.shape;
  }
  for (const auto& [name, shape] : expected) {
    ASSERT_TRUE(found.contains(name)) << name;
    EXPECT_EQ(found[name], shape) << name;
  }
}

TEST(Network, TrainedParametersLieInTheFlatBuffersLastLayersFirst) {
  Network network(small_graph(), {});
  EXPECT_EQ(network.trainable().front()->spec.name, "features.bias");
  EXPECT_EQ(network.trainable().back()->spec.name, "conv1.weight");
  int64_t next = 0, numbers = 0;
  for (const Network::Parameter* parameter : network.trainable()) {
    EXPECT_EQ(parameter->offset, next);
    EXPECT_GE(parameter->padded, parameter->tensor.numel());
    EXPECT_EQ(parameter->tensor.data_ptr<float>(), network.weights().data_ptr<float>() + parameter->offset);
    EXPECT_EQ(parameter->tensor.grad().data_ptr<float>(),
              network.gradients().data_ptr<float>() + parameter->offset);
    next += parameter->padded;
    numbers += parameter->tensor.numel();
  }
  EXPECT_EQ(next, network.weights().numel());
  EXPECT_EQ(numbers, network.graph().parameter_count());
}

TEST(Network, FirstValuesDependOnSeedAndNameAlone) {
  Network packed(small_graph(), {.channels_last = true, .seed = 3});
  Network plain(small_graph(), {.channels_last = false, .seed = 3});
  Network other(small_graph(), {.channels_last = false, .seed = 4});
  for (size_t i = 0; i < plain.parameters().size(); ++i) {
    const Network::Parameter& parameter = plain.parameters()[i];
    EXPECT_TRUE(torch::equal(parameter.tensor, packed.parameters()[i].tensor)) << parameter.spec.name;
    const bool drawn =
        parameter.spec.init == TensorSpec::Init::kNormal || parameter.spec.init == TensorSpec::Init::kUniform;
    EXPECT_EQ(torch::equal(parameter.tensor, other.parameters()[i].tensor), !drawn) << parameter.spec.name;
  }
}

TEST(Network, PixelsBecomeMinusOneToOne) {
  Graph graph({2, 1, 2}, Graph::WeightInit::kHeFanOut);
  graph.flatten(0);
  Network network(std::move(graph), {});
  const torch::Tensor pixels = torch::tensor({0, 255, 51, 204}, torch::kUInt8).view({1, 1, 2, 2});
  // (H, W, C) in, (C, H, W) flattened.
  EXPECT_LT(largest_difference(network.forward(pixels, {}), torch::tensor({{-1.0f, -0.6f, 1.0f, 0.6f}})),
            1e-6);
}

TEST(Network, MemoryLayoutDoesNotChangeTheResult) {
  Network packed(small_graph(), {.channels_last = true}), plain(small_graph(), {.channels_last = false});
  const torch::Tensor pixels = test_pixels(6, kInput);
  for (const bool training : {false, true}) {
    const torch::Tensor a = packed.forward(pixels, {.training = training});
    const torch::Tensor b = plain.forward(pixels, {.training = training});
    EXPECT_LT(largest_difference(a, b), 2e-5 * b.abs().max().item<double>());
    a.sum().backward();
    b.sum().backward();
  }
  for (size_t i = 0; i < plain.trainable().size(); ++i) {
    const torch::Tensor g = plain.trainable()[i]->tensor.grad();
    EXPECT_LT(largest_difference(packed.trainable()[i]->tensor.grad(), g),
              1e-4 * (1 + g.abs().max().item<double>()))
        << plain.trainable()[i]->spec.name;
  }
}

// Tensors of a device without memory: a pass that mixed them with the host's would throw. (Not all operations know
// such tensors.)
TEST(Network, AllOfAPassIsOnTheNetworksDevice) {
  for (const Precision precision : {Precision::kFloat32, Precision::kBFloat16}) {
    Graph graph({3, 8, 8}, Graph::WeightInit::kHeFanOut);
    graph.linear(graph.dropout(graph.flatten(graph.add(0, 0)), "dropout", 0.4), "fc", 16, true);
    Network network(std::move(graph), {.precision = precision, .device = torch::kMeta});
    const auto pixels = torch::zeros({4, 8, 8, 3}, torch::TensorOptions(torch::kUInt8).device(torch::kMeta));
    const torch::Tensor embeddings = network.forward(pixels, {.training = true, .step = 3});
    EXPECT_TRUE(embeddings.is_meta());
    EXPECT_EQ(embeddings.sizes().vec(), (std::vector<int64_t>{4, 16}));
    EXPECT_EQ(embeddings.scalar_type(), torch::kFloat32);
    network.zero_gradients();
    embeddings.backward(torch::zeros_like(embeddings));
    network.average_statistics(2);
    network.restore_buffers(network.copy_buffers());
  }
}

TEST(Network, BFloat16IsNearFloat32) {
  Network exact(small_graph(), {}), rounded(small_graph(), {.precision = Precision::kBFloat16});
  const torch::Tensor pixels = test_pixels(9, kInput);
  const torch::Tensor a = exact.forward(pixels, {}), b = rounded.forward(pixels, {});
  EXPECT_EQ(b.scalar_type(), torch::kFloat32);
  const double difference = (a - b).norm().item<double>() / a.norm().item<double>();
  EXPECT_GT(difference, 1e-5);  // another arithmetic indeed
  EXPECT_LT(difference, 0.02);  // a few times bfloat16's epsilon, 2^-8
  b.sum().backward();           // gradients arrive in float32
  for (const Network::Parameter* parameter : rounded.trainable())
    EXPECT_EQ(parameter->tensor.grad().scalar_type(), torch::kFloat32);
}

TEST(Network, RowsDoNotDependOnEachOtherOutsideTraining) {
  Network network(small_graph(), {});
  const torch::Tensor pixels = test_pixels(7, kInput);
  const torch::Tensor all = network.forward(pixels, {});
  EXPECT_EQ(all.sizes().vec(), (std::vector<int64_t>{7, 5}));
  const torch::Tensor parts =
      torch::cat({network.forward(pixels.narrow(0, 0, 1), {}), network.forward(pixels.narrow(0, 1, 6), {})});
  EXPECT_LT(largest_difference(all, parts), 2e-5 * all.abs().max().item<double>());
}

TEST(Network, RunningStatisticsMoveInTrainingOnlyAndOnlyWhenAsked) {
  Graph graph({1, 1, 2}, Graph::WeightInit::kHeFanOut);
  graph.flatten(graph.batch_norm(0, "bn"));
  Network network(std::move(graph), {});
  const auto value = [&](const std::string& name) {
    for (const Network::Parameter& parameter : network.parameters())
      if (parameter.spec.name == name) return parameter.tensor.to(torch::kFloat64).item<double>();
    return std::nan("");
  };
  // −1, −1, 1, 1: mean 0, unbiased variance 4/3; then 1, 1, 1, 1.
  const torch::Tensor pixels = torch::tensor({0, 0, 255, 255}, torch::kUInt8).view({2, 1, 2, 1});
  const torch::Tensor ones = torch::full_like(pixels, 255);
  network.forward(pixels, {});
  network.forward(ones, {.training = true, .update_statistics = false});
  EXPECT_EQ(value("bn.running_mean"), 0);
  EXPECT_EQ(value("bn.running_var"), 1);
  EXPECT_EQ(value("bn.num_batches_tracked"), 0);
  network.forward(pixels, {.training = true});
  EXPECT_NEAR(value("bn.running_mean"), 0, 1e-7);
  EXPECT_NEAR(value("bn.running_var"), 0.9 + 0.1 * 4 / 3, 1e-6);
  network.forward(ones, {.training = true});
  EXPECT_NEAR(value("bn.running_mean"), 0.1, 1e-7);
  EXPECT_EQ(value("bn.num_batches_tracked"), 2);
}

class NetworkDropout : public testing::Test {
 protected:
  static constexpr Shape kShape = {1, 40, 50};
  // Dropout of ones, (n, 2000): each value is 0 or 1/(1 − rate).
  static torch::Tensor masks(int64_t n, uint64_t seed, const Network::Pass& pass) {
    Graph graph(kShape, Graph::WeightInit::kHeFanOut);
    graph.dropout(graph.flatten(0), "dropout", 0.25);
    Network network(std::move(graph), {.seed = seed});
    return network.forward(torch::full({n, kShape.height, kShape.width, 1}, 255, torch::kUInt8), pass);
  }
};

TEST_F(NetworkDropout, KeepsTheMeanInTrainingAndDoesNothingElsewhere) {
  const torch::Tensor x = masks(20, 1, {.training = true});
  EXPECT_TRUE(((x == 0) | ((x - 4.0 / 3).abs() < 1e-6)).all().item<bool>());
  // Of 40,000 values, standard deviation sqrt(0.25/0.75) each: five of the mean's.
  EXPECT_NEAR(x.mean().item<double>(), 1, 5 * std::sqrt(1.0 / 3 / 40000));
  EXPECT_TRUE((masks(2, 1, {}) == 1).all().item<bool>());
}

TEST_F(NetworkDropout, IsAFunctionOfSeedStepAndRowOfTheGlobalBatch) {
  const torch::Tensor x = masks(5, 1, {.training = true, .step = 7});
  EXPECT_TRUE(torch::equal(x.narrow(0, 2, 3), masks(3, 1, {.training = true, .step = 7, .first_row = 2})));
  EXPECT_FALSE(torch::equal(x[0], x[1]));
  EXPECT_FALSE(torch::equal(x, masks(5, 1, {.training = true, .step = 8})));
  EXPECT_FALSE(torch::equal(x, masks(5, 2, {.training = true, .step = 7})));
}

}  // namespace
}  // namespace partialfc
