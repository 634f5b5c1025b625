#include "partialfc/models/activation_memory.h"

#include <gtest/gtest.h>

#include "partialfc/models/backbones.h"

namespace partialfc {
namespace {

constexpr int64_t kBatch = 3;

// conv → BatchNorm → PReLU → flatten → linear, on one 4 × 4 channel.
Graph chain() {
  Graph graph({1, 4, 4}, Graph::WeightInit::kIResNet);
  int x = graph.conv(0, "conv", 2, 3, 1, 1);
  x = graph.batch_norm(x, "bn");
  x = graph.prelu(x, "prelu");
  x = graph.flatten(x);
  graph.linear(x, "fc", 5, true);
  return graph;
}

// Kept: the image (16), the convolution's output (32), the flattened one (32); the BatchNorm makes no tensor.
TEST(ActivationMemory, KeepsWhatBackwardReads) {
  EXPECT_EQ(activation_memory(chain(), kBatch, Precision::kFloat32).kept, kBatch * 4 * (16 + 32 + 32));
  const int64_t weights = 2 * 9 + 5 * 32;
  EXPECT_EQ(activation_memory(chain(), kBatch, Precision::kBFloat16).kept,
            kBatch * 2 * (16 + 32 + 32) + 2 * weights);
}

// Two residual operands: the one BatchNorm runs as a part of the addition, the other makes a tensor that nothing keeps.
TEST(ActivationMemory, OneBatchNormOfAnAdditionMakesNoTensor) {
  Graph graph({1, 4, 4}, Graph::WeightInit::kIResNet);
  const int a = graph.batch_norm(graph.conv(0, "a", 1, 1, 1, 0), "bn_a");
  const int b = graph.batch_norm(graph.conv(0, "b", 1, 1, 1, 0), "bn_b");
  graph.add(a, b);
  const ActivationMemory memory = activation_memory(graph, kBatch, Precision::kFloat32);
  EXPECT_EQ(memory.kept, kBatch * 4 * 16 * 3);                // the image and both convolutions' outputs
  EXPECT_GE(memory.peak, memory.kept + kBatch * 4 * 16 * 2);  // the residual and the sum
}

TEST(ActivationMemory, GrowsWithTheBatchAndPeaksAboveWhatIsKept) {
  for (const char* name : {"iresnet18", "iresnet50", "mobilefacenet"}) {
    const Graph graph = make_backbone({.name = name});
    const ActivationMemory one = activation_memory(graph, 16, Precision::kFloat32);
    const ActivationMemory two = activation_memory(graph, 32, Precision::kFloat32);
    EXPECT_EQ(two.kept, 2 * one.kept) << name;
    EXPECT_GT(one.peak, one.kept) << name;
    EXPECT_LT(two.peak, 2 * one.peak) << name;  // weights do not grow
    EXPECT_LT(activation_memory(graph, 32, Precision::kBFloat16).kept, two.kept) << name;
  }
}

}  // namespace
}  // namespace partialfc
