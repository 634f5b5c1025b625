#include <algorithm>

#include "partialfc/base/error.h"
#include "partialfc/base/reserved_memory.h"
#include "partialfc/centers/center_store.h"

namespace partialfc {

namespace {

using Pages = ReservedMemory::Pages;

class MemoryStore final : public CenterStore {
 public:
  MemoryStore(const ClassPlacement& placement, Range positions, const RecordLayout& layout, uint64_t seed)
      : CenterStore(placement, positions, layout, seed),
        slot_plus_one_(positions.size() * sizeof(uint32_t), Pages::kSmall),
        records_(positions.size() * layout.bytes(), Pages::kHuge) {
    PFC_CHECK(positions.size() < int64_t{UINT32_MAX}, "{} rows on one rank", positions.size());
  }

  int64_t rows_alive() const override { return rows_alive_; }

  void locate(std::span<const int64_t> positions, std::span<int64_t> slots, ThreadTeam& team) override {
    PFC_CHECK(positions.size() == slots.size());
    born_.clear();
    for (size_t i = 0; i < positions.size(); ++i) {
      PFC_CHECK(positions[i] >= this->positions().first && positions[i] < this->positions().last);
      uint32_t& entry = slot_plus_one_.as<uint32_t>()[positions[i] - this->positions().first];
      if (entry == 0) {
        entry = static_cast<uint32_t>(++rows_alive_);
        born_.push_back(positions[i]);
      }
      slots[i] = int64_t{entry} - 1;
    }
    const int64_t first_born = rows_alive_ - static_cast<int64_t>(born_.size());
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

  std::vector<int64_t> living_positions(Range range) const override {
    std::vector<int64_t> living;
    for (int64_t position = std::max(range.first, this->positions().first);
         position < std::min(range.last, this->positions().last); ++position)
      if (slot_plus_one_.as<uint32_t>()[position - this->positions().first] != 0) living.push_back(position);
    return living;
  }

 private:
  std::byte* record(int64_t slot) const { return records_.data() + slot * layout().bytes(); }

  ReservedMemory slot_plus_one_;  // uint32 (positions), 0: not alive
  ReservedMemory records_;        // (slots, bytes of a record)
  int64_t rows_alive_ = 0;
  std::vector<int64_t> born_;  // positions, scratch of locate()
};

}  // namespace

std::unique_ptr<CenterStore> make_memory_store(const ClassPlacement& placement, Range positions,
                                               const RecordLayout& layout, uint64_t seed) {
  return std::make_unique<MemoryStore>(placement, positions, layout, seed);
}

}  // namespace partialfc
