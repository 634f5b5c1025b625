#include "partialfc/models/activations.h"

#include <gtest/gtest.h>

namespace partialfc {
namespace {

// Input 2×4×4 (32, kept for the convolution) → conv 6×2×2 (24, kept for bn) → bn (24, read by PReLU alone) → PReLU (24,
// kept for the linear layer: flattening makes no copy, its output counts) → 5 (read by nobody).
TEST(Activations, CountsWhatBackwardReads) {
  Graph graph({2, 4, 4}, Graph::WeightInit::kHeFanOut);
  const int conv = graph.conv(0, "conv", 6, 3, 2, 1);
  const int prelu = graph.prelu(graph.batch_norm(conv, "bn"), "prelu");
  graph.linear(graph.flatten(prelu), "fc", 5, true);
  EXPECT_EQ(activation_bytes(graph, Precision::kFloat32), (32 + 24 + 24 + 3 * 32) * 4);
  EXPECT_EQ(activation_bytes(graph, Precision::kBFloat16), (32 + 24 + 24 + 3 * 32) * 2);
}

}  // namespace
}  // namespace partialfc
