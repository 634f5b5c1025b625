// For tests: what a head holds.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

#include "partialfc/head/partial_fc.h"

namespace partialfc {

using Rows = std::map<int64_t, std::vector<std::byte>>;  // class → record

// The records of this rank's living rows.
inline Rows living_rows(PartialFC& head, ThreadTeam& team) {
  CenterStore& store = head.store();
  const std::vector<int64_t> positions = store.living_positions(store.positions());
  const auto bytes = static_cast<size_t>(store.layout().bytes());
  std::vector<int64_t> slots(positions.size());
  std::vector<std::byte> records(slots.size() * bytes);
  store.locate(positions, slots, team);
  store.read_records(slots, records, team);
  Rows rows;
  for (size_t i = 0; i < slots.size(); ++i) {
    const std::byte* record = records.data() + i * bytes;
    rows[head.placement().class_at(positions[i])].assign(record, record + bytes);
  }
  return rows;
}

}  // namespace partialfc
