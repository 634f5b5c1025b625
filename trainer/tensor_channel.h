// Sums of libtorch's tensors over the ranks, on a channel of their own: of tensors in the host's memory over the
// world's network, of a GPU's over NCCL, in a stream beside the one that computes.
#pragma once

#include <torch/types.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partialfc/comm/communicator.h"
#include "partialfc/device/stream.h"

namespace partialfc {

class TensorChannel {
 public:
  // Collective. compute: the stream in which the tensors are made, of the GPU in use; null: they are on the host. It
  // and the world outlive the channel.
  TensorChannel(Communicator& world, const std::string& name, Stream* compute);

  int size() const { return channel_->size(); }
  // values ← their sum over the ranks. values: contiguous, float32, as computed by what is queued now; it is the
  // channel's until finish().
  void begin_sum(const torch::Tensor& values);
  // What is computed from here on has the sums. On the host, waits; for a GPU's wait_for_ranks() has to follow.
  void finish();
  // Waits for the sums that are under way on a GPU, under their time limit. To be called before the host waits for
  // the stream: where a rank is late or lost, the stream would wait for ever.
  void wait_for_ranks();
  double waited_seconds() const { return compute_ != nullptr ? 0 : channel_->waited_seconds(); }

 private:
  Stream* const compute_;
  std::optional<Stream> stream_;
  std::optional<Event> made_;
  std::unique_ptr<Communicator> channel_;
  std::vector<Request> sums_, under_way_;
};

}  // namespace partialfc
