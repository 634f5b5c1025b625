#include "partialfc/data/synthetic_stream.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace partialfc {
namespace {

TEST(SyntheticStream, SharesOutTheSameRowsWhateverTheRanks) {
  StreamOptions options{.height = 3, .width = 2, .channels = 3, .global_batch = 7, .seed = 9};
  options.start_position = 21;
  Batch whole, batch;
  SyntheticStream single(options, 100);
  single.next(whole);
  ASSERT_EQ(whole.count, 7);
  EXPECT_EQ(whole.position, 21);
  EXPECT_EQ(whole.pixels.size(), 7u * 18);
  std::vector<int64_t> labels;
  std::vector<uint8_t> pixels;
  options.world_size = 3;
  for (options.rank = 0; options.rank < 3; ++options.rank) {
    SyntheticStream(options, 100).next(batch);
    labels.insert(labels.end(), batch.labels.begin(), batch.labels.end());
    pixels.insert(pixels.end(), batch.pixels.begin(), batch.pixels.end());
  }
  EXPECT_EQ(labels, whole.labels);
  EXPECT_EQ(pixels, whole.pixels);
  single.next(batch);
  EXPECT_EQ(batch.position, 28);
  EXPECT_EQ(batch.labels, whole.labels);
  EXPECT_EQ(single.skipped().seen(), 14);
}

TEST(SyntheticStream, LabelsAreUniform) {
  StreamOptions options{.height = 1, .width = 1, .channels = 1, .global_batch = 10000};
  SyntheticStream stream(options, 4);
  Batch batch;
  stream.next(batch);
  for (int64_t label = 0; label < 4; ++label)
    EXPECT_NEAR(std::count(batch.labels.begin(), batch.labels.end(), label), 2500, 5 * 43.3);
}

}  // namespace
}  // namespace partialfc
