#include "trainer/gradient_reducer.h"

#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

#include "partialfc/base/error.h"

namespace partialfc {

GradientReducer::GradientReducer(Network& network, TensorChannel& channel)
    : network_(network), channel_(channel) {
  std::vector<int> bucket_of;
  for (const Network::Parameter* parameter : network.trainable()) {
    if (buckets_.empty() || parameter->offset - buckets_.back().begin >= kBucketElements)
      buckets_.push_back({.begin = parameter->offset});
    buckets_.back().end = parameter->offset + parameter->padded;
    ++buckets_.back().parameters;
    bucket_of.push_back(static_cast<int>(buckets_.size()) - 1);
  }
  if (channel.size() == 1) return;
  for (size_t i = 0; i < network.trainable().size(); ++i) {
    // A parameter's AccumulateGrad node runs once its gradient of this backward pass is complete.
    auto node = torch::autograd::impl::grad_accumulator(network.trainable()[i]->tensor);
    const uintptr_t hook = node->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
        [this, bucket = bucket_of[i]](const auto& outputs, const auto&) {
          on_gradient(bucket);
          return outputs;
        }));
    hooks_.emplace_back(std::move(node), hook);
  }
}

GradientReducer::~GradientReducer() {
  for (auto& [node, hook] : hooks_) node->del_post_hook(hook);
}

void GradientReducer::arm() {
  next_ = 0;
  armed_ = true;
  for (Bucket& bucket : buckets_) bucket.missing = bucket.parameters;
}

void GradientReducer::on_gradient(int bucket) {
  if (!armed_) return;
  --buckets_[bucket].missing;
  send_complete_buckets();
}

void GradientReducer::send_complete_buckets() {
  for (; next_ < buckets_.size() && buckets_[next_].missing <= 0; ++next_) {
    const Bucket& bucket = buckets_[next_];
    channel_.begin_sum(network_.gradients().narrow(0, bucket.begin, bucket.end - bucket.begin));
  }
}

void GradientReducer::finish() {
  PFC_CHECK(armed_, "finish() without arm()");
  armed_ = false;
  if (channel_.size() == 1) return;
  for (Bucket& bucket : buckets_) bucket.missing = 0;
  send_complete_buckets();
}

}  // namespace partialfc
