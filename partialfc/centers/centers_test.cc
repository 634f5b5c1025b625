#include <gtest/gtest.h>

#include <numeric>

#include "partialfc/base/test_support.h"
#include "partialfc/centers/class_placement.h"
#include "partialfc/centers/host_store.h"

namespace partialfc {
namespace {

TEST(ClassPlacement, EveryClassLivesOnExactlyOneRankAndLoadsAreEven) {
  for (int64_t classes : {1, 5, 4096, 10007}) {
    const ClassPlacement placement(classes, 11);
    EXPECT_EQ(placement.num_blocks(), std::min<int64_t>(classes, 4096));
    for (int ranks : {1, 2, 3}) {
      if (ranks > classes) continue;
      int64_t next = 0;
      for (int rank = 0; rank < ranks; ++rank) {
        const Range positions = placement.positions_of_blocks(placement.blocks_of_rank(rank, ranks));
        EXPECT_EQ(positions.first, next);
        next = positions.last;
        // A rank's share is even to within one block.
        EXPECT_NEAR(positions.size(), double(classes) / ranks, 1 + classes / placement.num_blocks());
      }
      EXPECT_EQ(next, classes);
    }
    for (int64_t id = 0; id < classes; id += 1 + classes / 100)
      EXPECT_EQ(placement.class_at(placement.position_of(id)), id);
  }
}

TEST(ClassPlacement, SortedLabelsSpreadOverTheRanks) {
  const ClassPlacement placement(100000, 3);
  const Range first_half = placement.positions_of_blocks(placement.blocks_of_rank(0, 2));
  int on_rank_0 = 0;
  for (int64_t id = 0; id < 1000; ++id) on_rank_0 += placement.position_of(id) < first_half.last;
  EXPECT_NEAR(on_rank_0, 500, 5 * 16);  // five standard deviations of a fair coin
}

class MemoryStoreTest : public testing::Test {
 protected:
  static constexpr int64_t kClasses = 1000, kDim = 5, kRecord = 10;
  ClassPlacement placement_{kClasses, 7};
  ThreadTeam team_{2};
  std::unique_ptr<HostCenterStore> store_ = make_memory_store(placement_, {100, 900}, {.dim = kDim}, 7);
};

TEST_F(MemoryStoreTest, RowsComeToLifeWithTheirClassesValue) {
  const std::vector<int64_t> positions = {899, 100, 500};
  std::vector<int64_t> slots(3);
  store_->locate(positions, slots, team_);
  EXPECT_EQ(slots, (std::vector<int64_t>{0, 1, 2}));
  EXPECT_EQ(store_->rows_alive(), 3);
  Matrix<float> rows(3, kRecord);
  rows.fill(9);
  store_->read(slots, rows.view());
  for (int64_t i = 0; i < 3; ++i) {
    std::vector<float> expected(kDim);
    initial_center(7, placement_.class_at(positions[i]), expected);
    for (int64_t d = 0; d < kDim; ++d) {
      EXPECT_EQ(rows(i, d), expected[d]);
      EXPECT_EQ(rows(i, kDim + d), 0);
    }
  }
}

TEST_F(MemoryStoreTest, WhatIsScatteredIsGatheredAndStays) {
  std::vector<int64_t> positions(300), slots(300), again(300);
  std::iota(positions.begin(), positions.end(), 250);
  store_->locate(positions, slots, team_);
  Matrix<float> rows(300, kRecord);
  std::iota(rows.data(), rows.data() + rows.size(), 0.0f);
  store_->write(slots, rows.view());
  store_->locate(std::vector<int64_t>{101, 102}, std::span(again).first(2), team_);
  store_->locate(positions, again, team_);
  EXPECT_EQ(slots, again);
  Matrix<float> got(300, kRecord);
  store_->read(slots, got.view());
  for (int64_t i = 0; i < 300; ++i)
    for (int64_t d = 0; d < kRecord; ++d) EXPECT_EQ(got(i, d), rows(i, d));
  EXPECT_EQ(store_->living_positions({0, 252}), (std::vector<int64_t>{101, 102, 250, 251}));
}

TEST(MemoryStore, MoreRowsThanSlotsAreAUsageError) {
  const ClassPlacement placement(10'000'000'000, 7);
  const auto make = [&](int64_t rows) { make_memory_store(placement, {100, 100 + rows}, {.dim = 5}, 7); };
  make(4'294'967'294);
  EXPECT_THROW(make(4'294'967'295), UsageError);
  EXPECT_EQ(message_of([&] { make(5'000'000'000); }),
            "5000000000 classes on one rank, at most 4294967294 have room; start more ranks");
}

TEST_F(MemoryStoreTest, PositionsOfAnotherRankAreRefused) {
  std::vector<int64_t> slots(1);
  EXPECT_THROW(store_->locate(std::vector<int64_t>{99}, slots, team_), InternalError);
  EXPECT_THROW(store_->locate(std::vector<int64_t>{900}, slots, team_), InternalError);
}

}  // namespace
}  // namespace partialfc
