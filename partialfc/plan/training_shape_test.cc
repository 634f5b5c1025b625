#include "partialfc/plan/training_shape.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <set>

#include "partialfc/base/test_support.h"
#include "partialfc/head/class_sampler.h"
#include "partialfc/models/backbones.h"

namespace partialfc {
namespace {

TrainingShape shape_of(int64_t classes, int64_t batch, double rate, int ranks) {
  return {.backbone = make_backbone({.name = "small", .input = {1, 8, 8}, .embedding = 8, .stages = 1}),
          .classes = classes,
          .global_batch = batch,
          .sample_rate = rate,
          .ranks = ranks};
}

TEST(TrainingShape, TheLargestRankHasWholeBlocks) {
  EXPECT_EQ(shape_of(10'000, 64, 1, 1).rank_classes(), 10'000);
  EXPECT_EQ(shape_of(4096 * 10, 64, 1, 3).rank_classes(), 1366 * 10);  // 4096 blocks on 3 ranks
  EXPECT_EQ(shape_of(10, 64, 1, 3).rank_classes(), 4);                 // a block a class
  EXPECT_EQ(shape_of(10, 64, 1, 1).rank_batch(), 64);
  EXPECT_EQ(shape_of(10, 64, 1, 3).rank_batch(), 22);
}

// What ClassSampler makes active on the rank with the most, over many steps of labels drawn at random.
double mean_active(const TrainingShape& shape, int steps) {
  const ClassPlacement placement(shape.classes, 7);
  const ClassSampler sampler(placement, shape.sample_rate, 7);
  ThreadTeam team(1);
  const Range blocks =
      placement.blocks_of_rank(shape.ranks - 1, shape.ranks);  // the last has the most of them
  const Range owned = placement.positions_of_blocks(blocks);
  double sum = 0;
  for (int step = 0; step < steps; ++step) {
    RandomStream labels(1, Purpose::kSyntheticData, step);
    std::set<int64_t> positives;
    for (int64_t n = 0; n < shape.global_batch; ++n) {
      const int64_t position = placement.position_of(labels.below(shape.classes));
      if (position >= owned.first && position < owned.last) positives.insert(position);
    }
    std::vector<int64_t> active;
    sampler.sample(step, blocks, std::vector<int64_t>(positives.begin(), positives.end()), active, team);
    sum += static_cast<double>(active.size());
  }
  return sum / steps;
}

TEST(TrainingShape, ActiveClassesAreThoseThatTheSamplerMakesActive) {
  struct Case {
    int64_t classes, batch;
    double rate;
    int ranks;
  };
  for (const Case& c : {Case{100'000, 64, 0.1, 1},        // shares hold the positives
                        Case{50'000, 4096, 0.1, 1},       // some do not
                        Case{50'000, 20'000, 0.01, 2},    // most do not, and samples share classes
                        Case{1'000, 300, 0.1, 3},         // a class a block
                        Case{500'000, 8192, 0.0005, 2},   // shares below one class
                        Case{4'096'000, 600, 0.4, 1},     // far from the shares' edge
                        Case{5'000, 100'000, 0.3, 1}}) {  // every class is met
    const TrainingShape shape = shape_of(c.classes, c.batch, c.rate, c.ranks);
    const double measured = mean_active(shape, 20);
    EXPECT_NEAR(static_cast<double>(shape.rank_active()), measured, 0.02 * measured + 1)
        << c.classes << " " << c.batch << " " << c.rate << " " << c.ranks;
  }
  EXPECT_EQ(shape_of(12'345, 64, 1, 1).rank_active(), 12'345);
  EXPECT_EQ(shape_of(1'000'000'000, 1 << 20, 1e-9, 1).rank_active() > 0, true);
}

// A block's share is counted to where it matters, not to its end.
TEST(TrainingShape, TrillionsOfClassesAreCountedAtOnce) {
  EXPECT_EQ(shape_of(4096'000'000'000, 1024, 0.5, 1024).rank_active(), 2'000'000'000);
}

TEST(TrainingShape, WhatCannotBeTrainedIsRefusedWithBothNumbers) {
  using testing::HasSubstr;
  const auto message = [](const TrainingShape& shape) { return message_of([&] { shape.validate(); }); };
  EXPECT_EQ(message(shape_of(100, 64, 0.5, 4)), "no error");
  EXPECT_THAT(message(shape_of(3, 64, 1, 4)), HasSubstr("4 ranks for 3 classes"));
  EXPECT_THAT(message(shape_of(100, 7, 1, 4)), HasSubstr("batch of 7"));
  EXPECT_THAT(message(shape_of(100, 64, 1.5, 4)), HasSubstr("1.5"));
  EXPECT_THAT(message(shape_of(0, 64, 1, 4)), HasSubstr("0 classes"));
  EXPECT_THAT(message(shape_of(100, 64, 1, 0)), HasSubstr("0 ranks"));
}

}  // namespace
}  // namespace partialfc
