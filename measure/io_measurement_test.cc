#include "measure/io_measurement.h"

#include <gmock/gmock.h>

#include "partialfc/base/test_support.h"
#include "trainer/test_data.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

class IoMeasurement : public testing::Test {
 protected:
  IoMeasurement() { write_set(folder_.path(), draw_classes(20, 6), 20); }
  Recipe recipe() const {
    Recipe recipe;
    recipe.data = {.path = folder_.path().string(), .height = 12, .width = 12, .channels = 1, .threads = 2};
    return recipe;
  }
  ScratchFolder folder_;
};

TEST_F(IoMeasurement, EveryRateOfASmallSet) {
  IoOptions options = io_options_of(recipe(), 0);
  EXPECT_EQ(options.loader.threads, 2);
  EXPECT_EQ(io_options_of(recipe(), 3).loader.threads, 3);
  options.seconds = 0.02;
  const IoFigures figures = measure_io(options);
  EXPECT_EQ(figures.images, 120);
  EXPECT_GT(figures.memory.images_per_second, 0);
  EXPECT_GT(figures.decoding.decode.images_per_second, 0);
  EXPECT_GT(figures.decoding.decode_on_all.images_per_second, 0);
  EXPECT_GT(figures.decoding.augment.bytes_per_second, 0);
  EXPECT_GT(figures.decoding.loader.images_per_second, 0);
  EXPECT_FALSE(figures.decoding.bare_decode.has_value());  // PNG
}

TEST_F(IoMeasurement, AnOrderByShardsIsReadByWindows) {
  Recipe by_shards = recipe();
  by_shards.data.order = "shards";
  by_shards.data.shard_megabytes = 1;
  IoOptions options = io_options_of(by_shards, 0);
  EXPECT_TRUE(options.by_shards);
  EXPECT_EQ(options.shard_bytes, 1'000'000);
  options.seconds = 0.02;
  const IoFigures figures = measure_io(options);
  if (figures.disk) {
    EXPECT_GT(figures.disk->in_order.images_per_second, 0);
  }
}

TEST_F(IoMeasurement, WhatHasNoFileToMeasureIsRefused) {
  Recipe other = recipe();
  other.data.source = "synthetic";
  EXPECT_THAT(message_of([&] { io_options_of(other, 0); }), HasSubstr("has no input to measure"));
  other = recipe();
  write_file_atomically(folder_ / "list.txt", "a.png 0\n");
  other.data.path = (folder_ / "list.txt").string();
  EXPECT_THAT(message_of([&] { io_options_of(other, 0); }), HasSubstr("only a .rec file is measured"));
}

TEST(IoBound, IsThePartThatIsSlowest) {
  IoFigures figures;
  figures.decoding.loader.images_per_second = 500;
  EXPECT_EQ(io_bound(figures, 2, 0).part, "cores");
  EXPECT_THAT(io_bound(figures, 2, 0).line,
              HasSubstr("the file is in memory, 2 loader threads make 500 images/s"));
  figures.disk.emplace().in_order.images_per_second = 400;
  EXPECT_EQ(io_bound(figures, 1, 0).part, "disk");
  EXPECT_THAT(
      io_bound(figures, 1, 450).line,
      HasSubstr(
          "the disk gives 400 images/s, 1 loader thread makes 500 of the 450 that training could take"));
  EXPECT_EQ(io_bound(figures, 1, 400).part, "training");
  figures.disk->in_order.images_per_second = 600;
  EXPECT_EQ(io_bound(figures, 1, 550).part, "cores");
}

}  // namespace
}  // namespace partialfc
