#include "trainer/head_of_rank.h"

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
  return layer_->forward(step, view_of(features), labels, view_of(gradients));
}

}  // namespace partialfc
