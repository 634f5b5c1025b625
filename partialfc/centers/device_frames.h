// Rows of class centers in the host's memory, all of a rank's, pinned; those in use in frames on the device.
#pragma once

#include "partialfc/device/buffer.h"
#include "partialfc/kernels/device_frames.h"

namespace partialfc {

class DeviceFrames {
 public:
  // As many frames as `bytes` hold, one at least, and no more than rows. What is in the records is unspecified.
  DeviceFrames(int64_t rows, int64_t record_bytes, int64_t bytes);

  // Of all rows, until the first bring.
  std::span<std::byte> host_records() const { return host_records_.span(); }
  DeviceSpan<std::byte> records() const { return records_.span(); }  // (F)
  int64_t size() const { return slot_of_.size(); }                   // F
  int64_t record_bytes() const { return record_bytes_; }

  // The number of the next bring, from 0.
  int32_t next() const { return next_; }
  // Takes the rows of these slots, −1 for none, into frames; places[j] ← that of slots[j]. What brings from number `oldest`
  // on have used stays. lacking (1) ← how many frames there are too few. Three launches, after those of expect().
  void bring(DeviceSpan<const int32_t> slots, int32_t oldest, DeviceSpan<int32_t> places,
             DeviceSpan<int32_t> lacking, Stream& stream);

  // Where rows that will be wanted come meanwhile, after the last bring; their slots are made there too.
  Stream& background() { return background_; }
  // A bring there, as far as there is room.
  void expect(DeviceSpan<const int32_t> slots, int32_t oldest, DeviceSpan<int32_t> places);

  // The records as they are after every bring so far.
  void read(DeviceSpan<const int32_t> slots, DeviceSpan<std::byte> to, Stream& stream) const;
  void write(DeviceSpan<const int32_t> slots, DeviceSpan<const std::byte> from, Stream& stream) const;

 private:
  DeviceFrameTable table() const;
  void come_after_brings(Stream& stream) const;

  const int64_t record_bytes_;
  int32_t next_ = 0;
  PinnedBuffer<std::byte> host_records_;
  DeviceBuffer<std::byte> records_;
  DeviceBuffer<int32_t> frame_of_;                               // (rows)
  DeviceBuffer<int32_t> slot_of_, used_at_, missing_, victims_;  // (F)
  DeviceBuffer<int32_t> hand_, count_;                           // (1)
  Event brought_, expected_;
  Stream background_;
};

}  // namespace partialfc
