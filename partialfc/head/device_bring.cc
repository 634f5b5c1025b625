#include "partialfc/head/device_bring.h"

#include "partialfc/base/error.h"

namespace partialfc {

DeviceBring::DeviceBring(const PartialFCOptions& options, const RankShare& share, DeviceFrames& frames,
                         bool ahead)
    : frames_(frames) {
  const ClassPlacement placement(options.num_classes, options.seed);
  const ClassSampler sampler(placement, options.sample_rate, options.seed);
  if (!ahead || sampler.takes_all()) return;  // all rows are in use in every step
  next_step_.emplace(placement, share.blocks, sampler, 1);
  no_label_ = DeviceBuffer<int64_t>(1);
  count_ = DeviceBuffer<int32_t>(1);
  places_ = DeviceBuffer<int32_t>(next_step_->capacity());
  runtime::fill(no_label_.span().address, 0xff, no_label_.span().bytes(), frames.background().handle());
}

void DeviceBring::operator()(int64_t step, DeviceSpan<const int32_t> slots, int32_t oldest,
                             DeviceSpan<int32_t> places, DeviceSpan<int32_t> lacking, Stream& stream) {
  frames_.bring(slots, oldest, places, lacking, stream);
  if (!next_step_) return;
  next_step_->activate(step + 1, no_label_.span(), count_.span(), frames_.background());
  frames_.expect(next_step_->active().slots, oldest, places_.span());
}

void DeviceBring::throw_lacking(int64_t lacking, int64_t active) const {
  fail(
      "{} frames of {} bytes on the device are {} too few for the rows of a step, {} active classes of this rank beside those "
      "of forwards that wait for their update: give frame_bytes of at least {}",
      frames_.size(), frames_.record_bytes(), lacking, active,
      (frames_.size() + lacking) * frames_.record_bytes());
}

}  // namespace partialfc
