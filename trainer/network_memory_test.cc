// What models/activation_memory.h says that a forward pass keeps is what malloc then holds.
#include <gtest/gtest.h>
#include <malloc.h>
#include <torch/types.h>

#include "partialfc/models/activation_memory.h"
#include "partialfc/models/backbones.h"
#include "trainer/network.h"

namespace partialfc {
namespace {

int64_t bytes_in_use() {
  const struct mallinfo2 info = ::mallinfo2();
  return static_cast<int64_t>(info.uordblks + info.hblkhd);
}

TEST(NetworkMemory, ForwardKeepsWhatThePlanCounts) {
  constexpr int64_t kBatch = 24;
  for (const Precision precision : {Precision::kFloat32, Precision::kBFloat16})
    for (const char* name : {"small", "mobilefacenet"}) {
      const Graph graph = make_backbone({.name = name, .input = {3, 64, 64}, .embedding = 32, .dropout = 0});
      Network network(graph, {.precision = precision});
      const torch::Tensor pixels = torch::full({kBatch, 64, 64, 3}, 100, torch::kUInt8);
      const Network::Pass pass{.training = true};
      network.forward(pixels, pass);  // libtorch makes its kernels
      const int64_t before = bytes_in_use();
      const torch::Tensor embeddings = network.forward(pixels, pass);
      const auto kept = static_cast<double>(bytes_in_use() - before);
      const auto planned = static_cast<double>(activation_memory(graph, kBatch, precision).kept);
      EXPECT_NEAR(planned / kept, 1, 0.03)
          << name << " " << size_of(precision) << ": " << kept / 1e6 << " MB";
    }
}

}  // namespace
}  // namespace partialfc
