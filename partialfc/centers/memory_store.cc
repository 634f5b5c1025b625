#include "partialfc/base/error.h"
#include "partialfc/base/reserved_memory.h"
#include "partialfc/centers/host_store.h"
#include "partialfc/centers/slot_table.h"

namespace partialfc {

namespace {

class MemoryStore final : public HostCenterStore {
 public:
  MemoryStore(const ClassPlacement& placement, Range positions, const RecordLayout& layout, uint64_t seed)
      : HostCenterStore(placement, positions, layout, seed),
        slots_(positions),
        records_(positions.size() * layout.bytes(), ReservedMemory::Pages::kHuge) {}

  int64_t rows_alive() const override { return slots_.rows_alive(); }

  void locate(std::span<const int64_t> positions, std::span<int64_t> slots, ThreadTeam& team) override {
    born_.clear();
    slots_.locate(positions, slots, born_);
    const int64_t first_born = rows_alive() - std::ssize(born_);
    team.for_each_part(0, static_cast<int64_t>(born_.size()), [&](int, int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i)  // the state behind the center is zero: its pages are new
        initialize(born_[i], record(first_born + i));
    });
  }

  void pin(std::span<const int64_t> slots, std::span<std::byte*> records) override {
    PFC_CHECK(slots.size() == records.size());
    for (size_t i = 0; i < slots.size(); ++i) records[i] = record(slots[i]);
  }
  void unpin(std::span<const int64_t>, bool) override {}

  std::vector<int64_t> living_positions(Range range) const override { return slots_.living_positions(range); }

 private:
  std::byte* record(int64_t slot) const { return records_.data() + slot * layout().bytes(); }

  SlotTable slots_;
  ReservedMemory records_;     // (slots, bytes of a record)
  std::vector<int64_t> born_;  // positions, scratch of locate()
};

}  // namespace

std::unique_ptr<HostCenterStore> make_memory_store(const ClassPlacement& placement, Range positions,
                                                   const RecordLayout& layout, uint64_t seed) {
  return std::make_unique<MemoryStore>(placement, positions, layout, seed);
}

}  // namespace partialfc
