#include "trainer/head_of_rank.h"

#include "partialfc/base/error.h"
#include "partialfc/base/trace.h"
#include "partialfc/head/device_layer.h"

namespace partialfc {

namespace {

// MatrixView or DeviceMatrix.
template <class Matrix>
Matrix view_of(const torch::Tensor& t) {
  PFC_CHECK(t.is_contiguous(), "rows of {} numbers, {} apart", t.size(1), t.stride(0));
  return {t.data_ptr<float>(), t.size(0), t.size(1)};
}

}  // namespace

HeadOfRank::HeadOfRank(const PartialFCOptions& options, ComputeDevice& device, int64_t frame_bytes,
                       Communicator& world, ThreadTeam& team)
    : on_gpu_(device.stream() != nullptr) {
  if (!on_gpu_) {
    channel_ = world.open_channel("head");
    layer_ = std::make_unique<PartialFC>(options, *channel_, team);
    return;
  }
  channel_ = open_channel_of_gpus(world, "head", *device.stream());
  layer_ = std::make_unique<PartialFC>(options, *channel_,
                                       make_device_visits(options, share_of(options, world),
                                                          {.ordinal = device.name().ordinal,
                                                           .stream = device.stream(),
                                                           .messages_on_device = true,
                                                           .frame_bytes = frame_bytes}));
}

StepResult HeadOfRank::forward(int64_t step, const torch::Tensor& features, std::span<const int64_t> labels,
                               torch::Tensor& gradients) {
  const TraceSpan span("head.forward");
  if (!features.is_cuda())
    return layer_->forward(step, view_of<MatrixView<float>>(features), labels,
                           view_of<MatrixView<float>>(gradients));
  labels_ =
      to_device(torch::from_blob(const_cast<int64_t*>(labels.data()), std::ssize(labels), torch::kInt64),
                features.device());
  return layer_->forward(step, DeviceFeatures{view_of<DeviceMatrix<float>>(features),
                                              {labels_.data_ptr<int64_t>(), labels_.numel()},
                                              view_of<DeviceMatrix<float>>(gradients)});
}

}  // namespace partialfc
