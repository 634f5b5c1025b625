#include "trainer/head_of_rank.h"

#include <algorithm>

#include "partialfc/base/error.h"
#include "partialfc/base/trace.h"
#include "partialfc/comm/nccl.h"
#include "partialfc/head/device_layer.h"

namespace partialfc {

namespace {

MatrixView<float> view_of(const torch::Tensor& t) {
  PFC_CHECK(t.is_contiguous(), "rows of {} numbers, {} apart", t.size(1), t.stride(0));
  return {t.data_ptr<float>(), t.size(0), t.size(1)};
}

}  // namespace

HeadOfRank::HeadOfRank(const PartialFCOptions& options, const DeviceName& device, int64_t frame_bytes,
                       Communicator& world, ThreadTeam& team) {
  if (!device.is_gpu) {
    channel_ = world.open_channel("head");
    layer_ = std::make_unique<PartialFC>(options, *channel_, team);
    return;
  }
  runtime::use_device(device.ordinal);
  stream_.emplace();
  batch_.emplace(options.max_batch, options.dim);
  channel_ = world.size() == 1 ? open_device_channel(world, "head", *stream_)
                               : open_nccl_channel(world, "head", *stream_);
  layer_ = std::make_unique<PartialFC>(options, *channel_,
                                       make_device_visits(options, share_of(options, world),
                                                          {.ordinal = device.ordinal,
                                                           .stream = &*stream_,
                                                           .messages_on_device = true,
                                                           .frame_bytes = frame_bytes}));
}

StepResult HeadOfRank::forward(int64_t step, const torch::Tensor& features, std::span<const int64_t> labels,
                               torch::Tensor& gradients) {
  const TraceSpan span("head.forward");
  const MatrixView<float> x = view_of(features), dx = view_of(gradients);
  if (!batch_) return layer_->forward(step, x, labels, dx);
  const int64_t rows = x.rows, dim = x.cols, numbers = rows * dim;
  const std::span<float> on_host = batch_->on_host.span().first(numbers);
  const std::span<int64_t> host_labels = batch_->host_labels.span().first(rows);
  std::copy_n(x.data, numbers, on_host.data());
  std::ranges::copy(labels, host_labels.begin());
  copy<float>(on_host, batch_->features.first(numbers), *stream_);
  copy<int64_t>(host_labels, batch_->labels.first(rows), *stream_);
  const StepResult result = layer_->forward(
      step,
      {batch_->features.matrix(rows, dim), batch_->labels.first(rows), batch_->gradients.matrix(rows, dim)});
  copy<float>(batch_->gradients.first(numbers), on_host, *stream_);
  layer_->wait_for_messages();
  stream_->synchronize();
  std::ranges::copy(on_host, dx.data);
  return result;
}

}  // namespace partialfc
