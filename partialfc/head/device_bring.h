// Rows that lie in the host's memory come to the device: those of a step when it has been drawn, and beside it, in a stream
// of their own, those of the next step's draw, which but for its positives is known. Internal to head/.
#pragma once

#include <optional>

#include "partialfc/centers/device_frames.h"
#include "partialfc/head/device_activation.h"
#include "partialfc/head/partial_fc_options.h"
#include "partialfc/head/visits.h"

namespace partialfc {

class DeviceBring {
 public:
  // ahead: the next step's too. `frames` outlives the object.
  DeviceBring(const PartialFCOptions& options, const RankShare& share, DeviceFrames& frames, bool ahead);

  // The number of the next bring.
  int32_t next() const { return frames_.next(); }
  // For the step of this number: as DeviceFrames::bring().
  void operator()(int64_t step, DeviceSpan<const int32_t> slots, int32_t oldest, DeviceSpan<int32_t> places,
                  DeviceSpan<int32_t> lacking, Stream& stream);
  // Throws Error: so many frames are too few for a step of so many active classes.
  [[noreturn]] void throw_lacking(int64_t lacking, int64_t active) const;

 private:
  DeviceFrames& frames_;
  // Of the next step, drawn as of one sample that takes no part.
  std::optional<DeviceActivation> next_step_;
  DeviceBuffer<int64_t> no_label_;
  DeviceBuffer<int32_t> count_, places_;
};

}  // namespace partialfc
