#include "partialfc/models/backbones.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "partialfc/base/error.h"

namespace partialfc {
namespace {

std::map<std::string, std::vector<int64_t>> shapes_of(const Graph& graph) {
  std::map<std::string, std::vector<int64_t>> shapes;
  for (const TensorSpec& spec : graph.tensors()) {
    EXPECT_FALSE(shapes.contains(spec.name)) << spec.name;
    shapes[spec.name] = spec.shape;
  }
  return shapes;
}

// Numbers of the peer's models for 3 × 112 × 112 and 512 dimensions, as its users print them: they count the 512 fixed
// weights of `features`, which are not trained.
TEST(Backbones, ParameterCounts) {
  const std::pair<const char*, int64_t> counts[] = {
      {"iresnet18", 24025600}, {"iresnet34", 34139328}, {"iresnet50", 43590848}, {"iresnet100", 65156160}};
  for (const auto& [name, count] : counts)
    EXPECT_EQ(make_backbone({.name = name}).parameter_count() + 512, count) << name;
}

TEST(Backbones, PeersParameterNamesAndShapes) {
  const auto shapes = shapes_of(make_backbone({.name = "iresnet50"}));
  using Dims = std::vector<int64_t>;
  EXPECT_EQ(shapes.at("conv1.weight"), (Dims{64, 3, 3, 3}));
  EXPECT_EQ(shapes.at("prelu.weight"), (Dims{64}));
  EXPECT_EQ(shapes.at("layer1.0.bn1.running_mean"), (Dims{64}));
  EXPECT_EQ(shapes.at("layer2.0.downsample.0.weight"), (Dims{128, 64, 1, 1}));
  EXPECT_EQ(shapes.at("layer2.0.downsample.1.bias"), (Dims{128}));
  EXPECT_FALSE(shapes.contains("layer2.1.downsample.0.weight"));
  EXPECT_EQ(shapes.at("layer3.13.conv2.weight"), (Dims{256, 256, 3, 3}));
  EXPECT_EQ(shapes.at("bn2.num_batches_tracked"), Dims{});
  EXPECT_EQ(shapes.at("fc.weight"), (Dims{512, 512 * 7 * 7}));
  EXPECT_EQ(shapes.at("features.bias"), (Dims{512}));
  const auto mobile = shapes_of(make_backbone({.name = "mobilefacenet"}));
  EXPECT_EQ(mobile.at("layers.1.layers.0.weight"), (Dims{128, 2, 3, 3}));
  EXPECT_EQ(mobile.at("layers.3.layers.2.layers.1.layers.0.weight"), (Dims{128, 1, 3, 3}));
  EXPECT_EQ(mobile.at("features.layers.0.layers.0.weight"), (Dims{512, 1, 7, 7}));
  EXPECT_EQ(mobile.at("features.layers.2.weight"), (Dims{512, 512}));
}

TEST(Backbones, FixedWeightOfFeaturesIsNotTrained) {
  for (const TensorSpec& spec : make_backbone({}).tensors())
    EXPECT_TRUE(spec.trainable || spec.is_buffer || spec.name == "features.weight") << spec.name;
}

TEST(Backbones, SmallNetTakesItsShapeFromTheOptions) {
  const Graph graph = make_backbone({.name = "small",
                                     .input = {1, 40, 36},
                                     .embedding = 128,
                                     .width = 24,
                                     .stages = 3,
                                     .depth = 2,
                                     .stem_stride = 2});
  EXPECT_EQ(graph.embedding(), 128);
  EXPECT_EQ(graph.input(), (Shape{1, 40, 36}));
  const auto shapes = shapes_of(graph);
  EXPECT_EQ(shapes.at("conv1.weight"), (std::vector<int64_t>{24, 1, 3, 3}));
  EXPECT_EQ(shapes.at("layer3.1.conv2.weight"), (std::vector<int64_t>{96, 96, 3, 3}));
  EXPECT_EQ(shapes.at("fc.weight"),
            (std::vector<int64_t>{128, 96 * 3 * 3}));  // 40 × 36 → 20 × 18 → … → 3 × 3
}

TEST(Backbones, FlopsByHand) {
  // One stage, one block, width 4, 8 × 8, 1 channel, stem stride 1.
  const Graph graph =
      make_backbone({.name = "small", .input = {1, 8, 8}, .embedding = 10, .width = 4, .stages = 1});
  const int64_t stem = 2 * 64 * 4 * 9, conv1 = 2 * 64 * 4 * 4 * 9, conv2 = 2 * 16 * 4 * 4 * 9,
                shortcut = 2 * 16 * 4 * 4, fc = 2 * 64 * 10;
  EXPECT_EQ(graph.forward_flops(), stem + conv1 + conv2 + shortcut + fc);
}

TEST(Backbones, DropoutStandsBeforeTheLinearLayer) {
  const Graph graph = make_backbone({.name = "iresnet18", .dropout = 0.4});
  const auto& operations = graph.operations();
  const auto dropout = std::find_if(operations.begin(), operations.end(), [](const Operation& operation) {
    return operation.kind == Operation::Kind::kDropout;
  });
  ASSERT_NE(dropout, operations.end());
  EXPECT_EQ(dropout->rate, 0.4);
  EXPECT_EQ((dropout + 1)->name, "fc");
}

TEST(Backbones, WrongOptionsAreRefused) {
  try {
    make_backbone({.name = "iresnet5O"});
    FAIL();
  } catch (const UsageError& error) {
    EXPECT_STREQ(error.what(), "backbone.name = 'iresnet5O' is unknown; did you mean 'iresnet50'?");
  }
  EXPECT_THROW(make_backbone({.embedding = 0}), UsageError);
  EXPECT_THROW(make_backbone({.dropout = 1}), UsageError);
  EXPECT_THROW(make_backbone({.name = "small", .stem_stride = 3}), UsageError);
  EXPECT_THROW(make_backbone({.name = "small", .stages = 0}), UsageError);
}

}  // namespace
}  // namespace partialfc
