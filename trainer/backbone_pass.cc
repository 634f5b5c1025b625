#include "trainer/backbone_pass.h"

#include <torch/torch.h>

#include "trainer/network.h"

namespace partialfc {

BackbonePass::BackbonePass(const Graph& backbone, Precision precision, bool channels_last)
    : network_(std::make_unique<Network>(
          backbone, NetworkOptions{.precision = precision, .channels_last = channels_last})) {}

BackbonePass::~BackbonePass() = default;

void BackbonePass::run(int64_t images) {
  const Shape in = network_->graph().input();
  const torch::Tensor pixels = torch::full({images, in.height, in.width, in.channels}, 100, torch::kUInt8);
  const torch::Tensor embeddings = network_->forward(pixels, {.training = true});
  network_->zero_gradients();
  embeddings.backward(torch::ones_like(embeddings));
}

}  // namespace partialfc
