// Sums the backbone's gradients over the ranks while backward is still running.
//
// The flat gradient is cut into buckets in the order in which backward fills it; a bucket is sent off as soon as all of
// its parameters have their gradient. The loss of the head is the mean over all ranks' samples, so the sum over ranks
// is the exact gradient.
#pragma once

#include <torch/types.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "trainer/gradient_bucket.h"
#include "trainer/network.h"
#include "trainer/tensor_channel.h"
#include "trainer/torch_compat.h"

namespace partialfc {

class GradientReducer {
 public:
  static constexpr int64_t kBucketElements = kGradientBucketElements;

  // Both outlive the reducer.
  GradientReducer(Network& network, TensorChannel& channel);
  ~GradientReducer();

  // Before the backward pass whose gradients complete the step's sum (the last micro-batch).
  void arm();
  // After it: what was not sent off yet. Parameters that backward did not reach count as reached. The flat gradient
  // holds the sum over the ranks once the channel is finished.
  void finish();

 private:
  struct Bucket {
    int64_t begin = 0, end = 0;  // in the flat gradient
    int missing = 0, parameters = 0;
  };

  void on_gradient(int bucket);
  void send_complete_buckets();

  Network& network_;
  TensorChannel& channel_;
  std::vector<Bucket> buckets_;
  size_t next_ = 0;  // first bucket not sent: all ranks send in the same order
  bool armed_ = false;
  std::vector<std::pair<AutogradNode, uintptr_t>> hooks_;
};

}  // namespace partialfc
