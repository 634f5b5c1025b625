// Class centers in the memory of a device: all rows of this rank, drawn at the start. The row of a position lies in slot
// position − positions().first. A row that has never changed is the generator's, and counts as not alive.
#pragma once

#include <memory>
#include <vector>

#include "partialfc/centers/center_store.h"
#include "partialfc/device/buffer.h"
#include "partialfc/kernels/device_rows.h"

namespace partialfc {

class DeviceStore final : public CenterStore {
 public:
  // On the device in use. Throws Error with both sizes where its memory is short, UsageError where slots are not enough.
  DeviceStore(const ClassPlacement& placement, Range positions, const RecordLayout& layout, uint64_t seed);

  int64_t rows_alive() const override;
  int64_t slot_bound() const override { return positions().size(); }
  void locate(std::span<const int64_t> positions, std::span<int64_t> slots, ThreadTeam& team) override;
  std::vector<int64_t> living_positions(Range range) const override;
  // These wait for the device.
  void read_records(std::span<const int64_t> slots, std::span<std::byte> records, ThreadTeam& team) override;
  void write_records(std::span<const int64_t> slots, std::span<const std::byte> records,
                     ThreadTeam& team) override;

  // For the visits. T is layout()'s number format; `changed` has a byte a slot, set where the row has stepped.
  template <class T>
  DeviceRecords<T> records() const {
    return {reinterpret_cast<T*>(records_.span().address), layout().dim, layout().numbers()};
  }
  // What the host reads and writes from here on comes after this.
  void come_after(const Event& event) { stream_.wait(event); }
  DeviceSpan<uint8_t> changed() const { return changed_.span(); }

 private:
  template <class T>
  void draw(const ClassPlacement& placement, uint64_t seed);
  // task(slots, staging) for pieces of the slots, both on the device; `first` is the piece's place among them.
  template <class Task>
  void for_each_piece(std::span<const int64_t> slots, Task task);
  std::vector<uint8_t> alive(Range slots) const;

  mutable Stream stream_;
  DeviceBuffer<std::byte> records_;
  DeviceBuffer<uint8_t> changed_;
  std::vector<uint8_t> located_;  // by slot: asked for by the host
  int64_t piece_rows_ = 0;
  DeviceBuffer<int32_t> piece_slots_;
  DeviceBuffer<std::byte> piece_;
  PinnedBuffer<int32_t> host_slots_;
  PinnedBuffer<std::byte> host_piece_;
};

}  // namespace partialfc
