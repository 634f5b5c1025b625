// Which slot the row of a position has: slots are dense, in the order in which positions are first located.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partialfc/base/parallel.h"
#include "partialfc/base/reserved_memory.h"

namespace partialfc {

class SlotTable {
 public:
  // Four bytes a position, on huge pages: uniform draws touch every page within a few steps, and a fault on each small
  // one would cost more than the rest of a step's lookups. Throws UsageError where slots are not enough.
  explicit SlotTable(Range positions);

  int64_t rows_alive() const { return rows_alive_; }
  // slots[i] ← the slot of positions[i]; those without one get the next, and are appended to `born`.
  void locate(std::span<const int64_t> positions, std::span<int64_t> slots, std::vector<int64_t>& born);
  // The slot of a position, or −1.
  int64_t find(int64_t position) const { return int64_t{entry(position)} - 1; }
  // Positions inside `range` that have a slot, rising.
  std::vector<int64_t> living_positions(Range range) const;

 private:
  uint32_t& entry(int64_t position) const;

  const Range positions_;
  ReservedMemory slot_plus_one_;  // uint32 (positions), 0: not alive
  int64_t rows_alive_ = 0;
};

}  // namespace partialfc
