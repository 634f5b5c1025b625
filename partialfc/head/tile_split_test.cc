#include "partialfc/head/tile_split.h"

#include <gtest/gtest.h>

namespace partialfc {
namespace {

TEST(TileSplit, EveryClassIsInOneTileInOrder) {
  for (const int64_t active : {0, 1, 31, 32, 33, 255, 256, 257, 1000, 20'000, 100'003})
    for (const int threads : {1, 2, 3, 7, 64}) {
      const TileSplit split(active, threads);
      int64_t next = 0;
      for (int thread = 0; thread < threads; ++thread) {
        const Range own = split.classes_of(thread);
        EXPECT_EQ(own.first, next);
        EXPECT_LE(split.tiles_of(thread), split.most_tiles());
        for (int64_t i = 0; i < split.tiles_of(thread); ++i) {
          const Range tile = split.tile(thread, i);
          EXPECT_EQ(tile.first, next);
          EXPECT_GT(tile.size(), 0);
          EXPECT_LE(tile.size(), TileArithmetic::kClasses);
          EXPECT_TRUE(tile.last == active || tile.last % 32 == 0);
          next = tile.last;
        }
        EXPECT_EQ(own.last, next);
      }
      EXPECT_EQ(next, active);
    }
}

TEST(TileSplit, TheLargestShareIsNearTheMean) {
  const TileSplit split(20'000, 64);
  int64_t largest = 0;
  for (int thread = 0; thread < 64; ++thread) largest = std::max(largest, split.classes_of(thread).size());
  EXPECT_LE(static_cast<double>(largest), 1.05 * 20'000 / 64);
}

}  // namespace
}  // namespace partialfc
