// How large a step on a device is at most.
#include "partialfc/head/device_sizes.h"

#include <gtest/gtest.h>

namespace partialfc {
namespace {

// All classes active; a class's E has 8 numbers, its center as many.
DeviceSizes sizes_of(int64_t classes, int64_t kept_bytes, int64_t cache_bytes, int64_t tile_classes) {
  const ClassPlacement placement(classes, 1);
  return device_sizes({.num_classes = classes, .dim = 8, .max_batch = 4, .kept_bytes = kept_bytes},
                      {.blocks = placement.blocks_of_rank(0, 1), .ranks = 2}, cache_bytes, tile_classes);
}

TEST(DeviceSizes, AllIsKeptOrWholeTiles) {
  constexpr int64_t kOfClass = 8 * sizeof(float);
  const DeviceSizes all = sizes_of(1000, 1000 * kOfClass, 0, 128);
  EXPECT_EQ(all.samples, 8);
  EXPECT_EQ(all.capacity, 1000);
  EXPECT_EQ(all.tile_classes, 128);
  EXPECT_EQ(all.kept_classes, 1000);
  EXPECT_EQ(sizes_of(1000, 1000 * kOfClass - 1, 0, 128).kept_classes, 7 * 128);
  EXPECT_EQ(sizes_of(1000, 128 * kOfClass - 1, 0, 128).kept_classes, 0);
}

TEST(DeviceSizes, ATileFillsHalfTheCache) {
  constexpr int64_t kOfClass = 2 * 8 * sizeof(float);
  EXPECT_EQ(sizes_of(10'000, 0, 2 * 3072 * kOfClass, 0).tile_classes, 3072);
  EXPECT_EQ(sizes_of(10'000, 0, 2 * 3072 * kOfClass - 1, 0).tile_classes, 2048);
  EXPECT_EQ(sizes_of(10'000, 0, 1, 0).tile_classes, 1024);  // at least
  EXPECT_EQ(sizes_of(1000, 0, 1, 0).tile_classes, 1000);    // no more than there are
}

}  // namespace
}  // namespace partialfc
