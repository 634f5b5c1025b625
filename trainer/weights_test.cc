#include "trainer/weights.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/types.h>

#include "partialfc/base/test_support.h"
#include "partialfc/models/backbones.h"

namespace partialfc {
namespace {

using testing::AllOf;
using testing::HasSubstr;

Network small_network(uint64_t seed, bool channels_last, int64_t embedding = 7) {
  return {
      make_backbone({.name = "small", .input = {1, 6, 6}, .embedding = embedding, .width = 3, .stages = 1}),
      {.channels_last = channels_last, .seed = seed}};
}

TEST(Weights, GoToAFileAndBackWhateverTheMemoryLayout) {
  ScratchFolder folder;
  Network from = small_network(1, true), to = small_network(2, false);
  // Running statistics that are not the first ones.
  from.forward(torch::randint(0, 255, {4, 6, 6, 1}, torch::kUInt8), {.training = true});
  write_weights(folder / "w", from, {{"a", "b"}});
  read_weights(folder / "w", to);
  for (size_t i = 0; i < from.parameters().size(); ++i)
    EXPECT_TRUE(torch::equal(from.parameters()[i].tensor, to.parameters()[i].tensor))
        << from.parameters()[i].spec.name;
  const SafetensorsFile file(folder / "w");
  EXPECT_EQ(file.metadata(), (TensorMetadata{{"a", "b"}}));
  EXPECT_EQ(file.tensors().size(), from.parameters().size());
  EXPECT_EQ(file.at("layer1.0.conv2.weight").shape, (std::vector<int64_t>{3, 3, 3, 3}));
  // Row-major in the file: element (1, 2, 0, 1).
  const auto values = file.read<float>("layer1.0.conv2.weight");
  for (const Network::Parameter& parameter : from.parameters())
    if (parameter.spec.name == "layer1.0.conv2.weight") {
      EXPECT_EQ(values[1 * 27 + 2 * 9 + 0 * 3 + 1], (parameter.tensor[1][2][0][1].item<float>()));
    }
}

TEST(Weights, AMissingTensorIsNamed) {
  ScratchFolder folder;
  Network network = small_network(1, true);
  SafetensorsWriter writer(folder / "w", {{.name = "conv1.weight", .shape = {3, 1, 3, 3}}});
  writer.append("conv1.weight", std::vector<std::byte>(27 * 4));
  writer.close();
  EXPECT_THAT(message_of([&] { read_weights(folder / "w", network); }),
              AllOf(HasSubstr((folder / "w").string()), HasSubstr("bn1.weight")));
}

TEST(Weights, ATensorThatHasNoPlaceIsNamed) {
  ScratchFolder folder;
  const auto make = [](int64_t depth) {
    return Network(
        make_backbone(
            {.name = "small", .input = {1, 6, 6}, .embedding = 7, .width = 3, .stages = 1, .depth = depth}),
        {});
  };
  const Network deep = make(2);
  Network network = make(1);
  write_weights(folder / "w", deep, {});
  EXPECT_THAT(
      message_of([&] { read_weights(folder / "w", network); }),
      AllOf(HasSubstr((folder / "w").string()), HasSubstr("tensor 'layer1.1."), HasSubstr("has no place")));
  const torch::Tensor state = torch::zeros_like(network.weights());
  const std::vector<torch::Tensor> states = {state, state.clone()}, read = {state.clone()};
  write_optimizer_state(folder / "o", network, states, {});
  EXPECT_THAT(message_of([&] { read_optimizer_state(folder / "o", network, read); }),
              HasSubstr(".v' has no place"));
}

TEST(Weights, AnotherShapeIsRefusedWithBoth) {
  ScratchFolder folder;
  write_weights(folder / "w", small_network(1, true), {});
  Network wide = small_network(1, true, 8);
  EXPECT_THAT(message_of([&] { read_weights(folder / "w", wide); }),
              AllOf(HasSubstr((folder / "w").string()),
                    HasSubstr("tensor 'fc.weight' is F32 (7, 27), the backbone needs F32 (8, 27)")));
}

TEST(OptimizerState, GoesToAFileAndBackWhateverTheMemoryLayout) {
  ScratchFolder folder;
  Network from = small_network(1, true), to = small_network(1, false);
  std::vector<torch::Tensor> states, read;
  for (int k : {0, 1}) {
    states.push_back(torch::arange(from.weights().numel(), torch::kFloat32) + 1000 * k);
    read.push_back(torch::zeros_like(to.weights()));
  }
  write_optimizer_state(folder / "o", from, states, {{"updates", "17"}});
  EXPECT_EQ(read_optimizer_state(folder / "o", to, read).at("updates"), "17");
  for (size_t i = 0; i < from.trainable().size(); ++i)
    for (int k : {0, 1}) {
      const auto view = [&](const Network::Parameter& parameter, const torch::Tensor& state) {
        return torch::as_strided(state, parameter.tensor.sizes(), parameter.tensor.strides(),
                                 parameter.offset);
      };
      EXPECT_TRUE(torch::equal(view(*from.trainable()[i], states[k]), view(*to.trainable()[i], read[k])));
    }
  // A state of another optimizer: one moment is not two.
  write_optimizer_state(folder / "o", from, std::span(states).first(1), {});
  EXPECT_THAT(message_of([&] { read_optimizer_state(folder / "o", to, read); }),
              HasSubstr("features.bias.v"));
}

}  // namespace
}  // namespace partialfc
