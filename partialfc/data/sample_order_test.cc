#include "partialfc/data/sample_order.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <vector>

namespace partialfc {
namespace {

std::vector<int64_t> epoch_of(const SampleOrder& order, int64_t size, int64_t epoch) {
  std::vector<int64_t> samples;
  for (int64_t i = 0; i < size; ++i) samples.push_back(order.sample(epoch * size + i));
  return samples;
}

TEST(SampleOrder, EachEpochIsAPermutationOfItsOwn) {
  for (int64_t size : {1, 2, 7, 1000}) {
    const SampleOrder order(size, 5);
    std::vector<std::vector<int64_t>> epochs;
    for (int64_t epoch = 0; epoch < 3; ++epoch) {
      EXPECT_EQ(order.epoch(epoch * size), epoch);
      EXPECT_EQ(order.epoch(epoch * size + size - 1), epoch);
      epochs.push_back(epoch_of(order, size, epoch));
      auto sorted = epochs.back();
      std::sort(sorted.begin(), sorted.end());
      for (int64_t i = 0; i < size; ++i) ASSERT_EQ(sorted[i], i);
    }
    if (size < 1000) continue;
    EXPECT_NE(epochs[0], epochs[1]);
    EXPECT_NE(epochs[1], epochs[2]);
    EXPECT_NE(epochs[0], epoch_of(SampleOrder(size, 6), size, 0));  // another seed
  }
}

TEST(SampleOrder, WithoutShuffleItCounts) {
  const SampleOrder order(3, 5, false);
  for (int64_t position = 0; position < 9; ++position) EXPECT_EQ(order.sample(position), position % 3);
}

TEST(BatchShare, SharesAreContiguousAndEven) {
  EXPECT_EQ(batch_share(10, 4, 0).first, 0);
  int64_t next = 0;
  for (int rank = 0; rank < 4; ++rank) {
    const Range share = batch_share(10, 4, rank);
    EXPECT_EQ(share.first, next);
    EXPECT_TRUE(share.size() == 2 || share.size() == 3);
    next = share.last;
  }
  EXPECT_EQ(next, 10);
  EXPECT_EQ(batch_share(1, 3, 0).size() + batch_share(1, 3, 1).size() + batch_share(1, 3, 2).size(), 1);
}

}  // namespace
}  // namespace partialfc
