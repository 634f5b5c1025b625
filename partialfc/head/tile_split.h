// Which thread visits which active classes, tile by tile. A thread has one run of them.
//
// Threads get whole units of 32 classes, so that the largest share of S classes is at most 32 above the mean; the tiles of a
// thread are as equal as units allow.
#pragma once

#include <algorithm>
#include <cstdint>

#include "partialfc/base/parallel.h"
#include "partialfc/head/tile_arithmetic.h"

namespace partialfc {

class TileSplit {
 public:
  TileSplit() = default;
  TileSplit(int64_t active, int threads) : active_(active), threads_(threads) {}

  Range classes_of(int thread) const { return classes_of_units(units_of(thread)); }
  int64_t tiles_of(int thread) const {
    constexpr int64_t kUnitsOfTile = TileArithmetic::kClasses / kUnit;
    return (units_of(thread).size() + kUnitsOfTile - 1) / kUnitsOfTile;
  }
  // Tile `index` of this thread, its first class a whole number of units behind the thread's first.
  Range tile(int thread, int64_t index) const {
    const Range units = units_of(thread), part = part_of(units.size(), tiles_of(thread), index);
    return classes_of_units({units.first + part.first, units.first + part.last});
  }
  int64_t most_tiles() const {
    int64_t most = 0;
    for (int thread = 0; thread < threads_; ++thread) most = std::max(most, tiles_of(thread));
    return most;
  }

 private:
  static constexpr int64_t kUnit = kBFloat16Tile;

  Range units_of(int thread) const { return part_of((active_ + kUnit - 1) / kUnit, threads_, thread); }
  Range classes_of_units(Range units) const {
    return {std::min(active_, units.first * kUnit), std::min(active_, units.last * kUnit)};
  }

  int64_t active_ = 0;
  int threads_ = 1;
};

}  // namespace partialfc
