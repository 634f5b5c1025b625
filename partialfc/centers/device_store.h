// Class centers in the memory of a device, or in the host's with those in use in frames on the device: all rows of this rank,
// drawn at the start. The row of a position lies in slot position − positions().first. A row that has never changed is the
// generator's, and counts as not alive.
#pragma once

#include <memory>
#include <vector>

#include "partialfc/centers/center_store.h"
#include "partialfc/centers/device_frames.h"
#include "partialfc/kernels/device_rows.h"

namespace partialfc {

class DeviceStore final : public CenterStore {
 public:
  // On the device in use. frame_bytes: of frames there, for rows in the host's memory; 0: the rows lie on the device. Throws
  // Error with both sizes where memory is short, UsageError where slots are not enough.
  DeviceStore(const ClassPlacement& placement, Range positions, const RecordLayout& layout, uint64_t seed,
              int64_t frame_bytes = 0);

  int64_t rows_alive() const override;
  int64_t slot_bound() const override { return positions().size(); }
  void locate(std::span<const int64_t> positions, std::span<int64_t> slots, ThreadTeam& team) override;
  std::vector<int64_t> living_positions(Range range) const override;
  // These wait for the device.
  void read_records(std::span<const int64_t> slots, std::span<std::byte> records, ThreadTeam& team) override;
  void write_records(std::span<const int64_t> slots, std::span<const std::byte> records,
                     ThreadTeam& team) override;

  // For the visits. T is layout()'s number format; `changed` has a byte a slot, set where the row has stepped. Records lie by
  // slot, or by frame.
  template <class T>
  DeviceRecords<T> records() const {
    return records_in<T>(frames_ ? frames_->records() : records_.span());
  }
  DeviceFrames* frames() const { return frames_.get(); }  // null: the rows lie on the device
  // What the host reads and writes from here on comes after this.
  void come_after(const Event& event) { stream_.wait(event); }
  DeviceSpan<uint8_t> changed() const { return changed_.span(); }

 private:
  template <class T>
  DeviceRecords<T> records_in(DeviceSpan<std::byte> memory) const {
    return {reinterpret_cast<T*>(memory.address), layout().dim, layout().numbers()};
  }
  template <class T>
  void draw(const ClassPlacement& placement, uint64_t seed);
  // task(first, slots) for pieces of the slots, which lie on the device; `first` is the piece's place among them.
  template <class Task>
  void for_each_piece(std::span<const int64_t> slots, Task task);
  void copy_out(DeviceSpan<const int32_t> slots, DeviceSpan<std::byte> to);
  void copy_in(DeviceSpan<const int32_t> slots, DeviceSpan<const std::byte> from);
  std::vector<uint8_t> alive(Range slots) const;

  mutable Stream stream_;
  std::unique_ptr<DeviceFrames> frames_;
  DeviceBuffer<std::byte> records_;  // without frames
  DeviceBuffer<uint8_t> changed_;
  std::vector<uint8_t> located_;  // by slot: asked for by the host
  int64_t piece_rows_ = 0;
  DeviceBuffer<int32_t> piece_slots_;
  DeviceBuffer<std::byte> piece_;
  PinnedBuffer<int32_t> host_slots_;
  PinnedBuffer<std::byte> host_piece_;
};

}  // namespace partialfc
