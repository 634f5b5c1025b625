#include "partialfc/centers/device_frames.h"

#include <algorithm>

namespace partialfc {

DeviceFrames::DeviceFrames(int64_t rows, int64_t record_bytes, int64_t bytes)
    : record_bytes_(record_bytes), host_records_(rows * record_bytes), frame_of_(rows), hand_(1), count_(1) {
  const int64_t frames = std::min(rows, std::max<int64_t>(1, bytes / record_bytes));
  records_ = DeviceBuffer<std::byte>(frames * record_bytes);
  slot_of_ = DeviceBuffer<int32_t>(frames);
  used_at_ = DeviceBuffer<int32_t>(frames);
  missing_ = DeviceBuffer<int32_t>(frames);
  victims_ = DeviceBuffer<int32_t>(frames);
  for (const DeviceBuffer<int32_t>* none : {&frame_of_, &slot_of_, &used_at_})
    if (none->size() > 0)
      runtime::fill(none->span().address, 0xff, none->span().bytes(), background_.handle());
  clear(hand_.span(), background_);
  expected_.record(background_);
}

DeviceFrameTable DeviceFrames::table() const {
  return {.host_records = host_records_.span().data(),
          .frame_records = records_.span().address,
          .record_bytes = record_bytes_,
          .frame_of = frame_of_.span(),
          .slot_of = slot_of_.span(),
          .used_at = used_at_.span(),
          .hand = hand_.span(),
          .missing = missing_.span(),
          .victims = victims_.span(),
          .count = count_.span()};
}

void DeviceFrames::come_after_brings(Stream& stream) const {
  stream.wait(brought_);
  stream.wait(expected_);
}

void DeviceFrames::bring(DeviceSpan<const int32_t> slots, int32_t oldest, DeviceSpan<int32_t> places,
                         DeviceSpan<int32_t> lacking, Stream& stream) {
  come_after_brings(stream);
  bring_rows(table(), {.now = next_++, .oldest = oldest}, slots, places, lacking, stream);
  brought_.record(stream);
  background_.wait(brought_);
}

void DeviceFrames::expect(DeviceSpan<const int32_t> slots, int32_t oldest, DeviceSpan<int32_t> places) {
  bring_rows(table(), {.now = next_++, .oldest = oldest}, slots, places, {}, background_);
  expected_.record(background_);
}

void DeviceFrames::read(DeviceSpan<const int32_t> slots, DeviceSpan<std::byte> to, Stream& stream) const {
  come_after_brings(stream);
  read_rows(table(), slots, to, stream);
}

void DeviceFrames::write(DeviceSpan<const int32_t> slots, DeviceSpan<const std::byte> from,
                         Stream& stream) const {
  come_after_brings(stream);
  write_rows(table(), slots, from, stream);
}

}  // namespace partialfc
