// The second visit on a device: gradients of a tile, then each row's step. Internal to head/.
#pragma once

#include <memory>
#include <span>

#include "partialfc/head/device_messages.h"
#include "partialfc/head/device_tiles.h"

namespace partialfc {

// An update that is done when the device is. Messages of before may still be under way.
class UpdateOnDevice final : public Request::Operation {
 public:
  UpdateOnDevice(const Event& event, DeviceMessages& messages) : event_(event), messages_(messages) {}
  bool finished() override { return messages_.finished() && event_.is_done(); }
  void wait() override {
    messages_.wait();
    event_.synchronize();
  }
  void come_before(Stream& stream) override { stream.wait(event_); }

 private:
  const Event& event_;
  DeviceMessages& messages_;
};

template <class T>
class DeviceUpdate {
 public:
  // All outlive the object.
  DeviceUpdate(const PartialFCOptions& options, DeviceStore& store, DeviceTiles<T>& tiles)
      : options_(options), store_(store), tiles_(tiles) {}

  // Steps the rows of these forward halves with the sum of their gradients.
  void operator()(std::span<const std::unique_ptr<DeviceForward<T>>> forwards, const Visits::UpdateStep& step,
                  Stream& stream);

 private:
  void step_once(DeviceForward<T>& forward, const RowStep& step, Stream& stream);
  void step_with_sum(std::span<const std::unique_ptr<DeviceForward<T>>> forwards, const RowStep& step,
                     Stream& stream);
  DeviceRowSums rows_of(std::span<const std::unique_ptr<DeviceForward<T>>> forwards, Stream& stream);
  uint64_t rounding_key_of(int64_t t) const;

  const PartialFCOptions options_;
  DeviceStore& store_;
  DeviceTiles<T>& tiles_;

  // Of several forward halves: the rows of any of them, and the sums of their gradients. Made when first needed.
  DeviceBuffer<int32_t> row_of_slot_, summed_slots_, summed_places_, summed_count_, no_targets_;
  DeviceBuffer<float> summed_norms_, summed_gradients_;
};

}  // namespace partialfc
