// What has gone over a channel.
#pragma once

#include <array>
#include <cstdint>

#include "partialfc/comm/collective.h"

namespace partialfc {

// Bytes are those of the whole result of all_gather, of the vector of all_reduce and broadcast, of one rank's whole
// input to reduce_scatter: independent of algorithm and rank.
struct Traffic {
  struct Entry {
    int64_t calls = 0;
    int64_t bytes = 0;
  };
  std::array<Entry, kCollectives> entries;
  Entry& operator[](Collective collective) { return entries[static_cast<int>(collective)]; }
  const Entry& operator[](Collective collective) const { return entries[static_cast<int>(collective)]; }
  Entry total() const {
    Entry sum;
    for (const Entry& entry : entries) sum.calls += entry.calls, sum.bytes += entry.bytes;
    return sum;
  }
};

}  // namespace partialfc
