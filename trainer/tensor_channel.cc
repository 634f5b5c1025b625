#include "trainer/tensor_channel.h"

#include "partialfc/base/error.h"
#include "partialfc/base/trace.h"
#include "trainer/compute_device.h"

namespace partialfc {

TensorChannel::TensorChannel(Communicator& world, const std::string& name, Stream* compute)
    : compute_(compute) {
  if (compute == nullptr) {
    channel_ = world.open_channel(name);
    return;
  }
  stream_.emplace();
  made_.emplace();
  channel_ = open_channel_of_gpus(world, name, *stream_);
}

void TensorChannel::begin_sum(const torch::Tensor& values) {
  PFC_CHECK(values.is_contiguous() && values.scalar_type() == torch::kFloat32);
  if (compute_ == nullptr) {
    sums_.push_back(channel_->all_reduce(
        std::span<float>(values.data_ptr<float>(), static_cast<size_t>(values.numel()))));
    return;
  }
  made_->record(*compute_);
  stream_->wait(*made_);
  sums_.push_back(channel_->all_reduce(DeviceSpan<float>(values.data_ptr<float>(), values.numel())));
}

void TensorChannel::finish() {
  const TraceSpan span("gradients.wait");
  for (Request& sum : sums_) {
    if (compute_ == nullptr) {
      sum.wait();
    } else {
      sum.come_before(*compute_);
      under_way_.push_back(std::move(sum));
    }
  }
  sums_.clear();
}

void TensorChannel::wait_for_ranks() {
  for (Request& sum : under_way_) sum.wait();
  under_way_.clear();
}

}  // namespace partialfc
