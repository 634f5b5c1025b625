#include "partialfc/centers/slot_table.h"

#include <algorithm>

#include "partialfc/base/error.h"

namespace partialfc {

SlotTable::SlotTable(Range positions) : positions_(positions) {
  constexpr int64_t kMostRows = int64_t{UINT32_MAX} - 1;
  if (positions.size() > kMostRows)
    fail_usage("{} classes on one rank, at most {} have room; start more ranks", positions.size(), kMostRows);
  slot_plus_one_ = ReservedMemory(positions.size() * sizeof(uint32_t), ReservedMemory::Pages::kHuge);
}

uint32_t& SlotTable::entry(int64_t position) const {
  PFC_CHECK(position >= positions_.first && position < positions_.last);
  return slot_plus_one_.as<uint32_t>()[position - positions_.first];
}

void SlotTable::locate(std::span<const int64_t> positions, std::span<int64_t> slots,
                       std::vector<int64_t>& born) {
  PFC_CHECK(positions.size() == slots.size());
  for (size_t i = 0; i < positions.size(); ++i) {
    uint32_t& slot_plus_one = entry(positions[i]);
    if (slot_plus_one == 0) {
      slot_plus_one = static_cast<uint32_t>(++rows_alive_);
      born.push_back(positions[i]);
    }
    slots[i] = int64_t{slot_plus_one} - 1;
  }
}

std::vector<int64_t> SlotTable::living_positions(Range range) const {
  std::vector<int64_t> living;
  for (int64_t position = std::max(range.first, positions_.first);
       position < std::min(range.last, positions_.last); ++position)
    if (find(position) >= 0) living.push_back(position);
  return living;
}

}  // namespace partialfc
