#include "partialfc/plan/scaling_table.h"

#include <gtest/gtest.h>

#include "partialfc/models/backbones.h"
#include "partialfc/plan/memory_model.h"
#include "partialfc/plan/step_model.h"

namespace partialfc {
namespace {

constexpr int64_t kScalingBucket = 4 << 20;

TrainingShape scaling_shape() {
  return {.backbone = make_backbone({.name = "small", .input = {1, 16, 16}, .embedding = 64, .stages = 2}),
          .classes = 1'000'000,
          .global_batch = 256,
          .sample_rate = 0.1,
          .ranks = 4};
}

Machine scaling_machine() {
  return {.backbone_flops = 1e11,
          .head_flops = 1e11,
          .memory_bandwidth = 1e10,
          .interconnect = {.host = {1e-6, 1e10}, .network = {1e-5, 1e9}, .ranks_per_host = 4},
          .memory_bytes = int64_t{2} << 30,
          .program_bytes = 200'000'000,
          .activation_slack = 0.5};
}

int64_t memory_at(int64_t classes) {
  TrainingShape other = scaling_shape();
  other.classes = classes;
  return total_bytes(training_memory(other, scaling_machine()));
}

TEST(ScalingTable, TheLargestNumberOfClassesJustFits) {
  const int64_t largest = largest_classes(scaling_shape(), scaling_machine());
  EXPECT_GT(largest, 1'000'000);
  EXPECT_LE(memory_at(largest), scaling_machine().memory_bytes);
  EXPECT_GT(memory_at(largest + largest / 100), scaling_machine().memory_bytes);
  Machine none = scaling_machine();
  none.memory_bytes = 1'000'000;
  EXPECT_EQ(largest_classes(scaling_shape(), none), 0);
}

double step_at(double rate, int64_t classes) {
  TrainingShape other = scaling_shape();
  other.sample_rate = rate;
  other.classes = classes;
  return plan_step(other, scaling_machine(), kScalingBucket).seconds;
}

TEST(ScalingTable, SamplingPaysUpToARateAndFromSomeClassesOn) {
  const double rate = paying_sample_rate(scaling_shape(), scaling_machine(), kScalingBucket);
  EXPECT_GT(rate, 0.5);  // a head of a million classes is most of this step
  EXPECT_LE(step_at(rate, 1'000'000), 0.95 * step_at(1, 1'000'000));
  EXPECT_GT(step_at(rate + 0.002, 1'000'000), 0.95 * step_at(1, 1'000'000));

  const int64_t classes = paying_classes(scaling_shape(), 0.1, scaling_machine(), kScalingBucket);
  EXPECT_GT(classes, 10);
  EXPECT_LT(classes, 1'000'000);
  EXPECT_LE(step_at(0.1, classes), 0.95 * step_at(1, classes));
  EXPECT_GT(step_at(0.1, classes - 1), 0.95 * step_at(1, classes - 1));

  TrainingShape few = scaling_shape();
  few.classes = 100;
  EXPECT_EQ(paying_sample_rate(few, scaling_machine(), kScalingBucket), 0);
  EXPECT_EQ(paying_classes(scaling_shape(), 0.999, scaling_machine(), kScalingBucket), 0);
}

TEST(ScalingTable, RanksKeepTheirBatchAndClassesGetTheRanksTheyNeed) {
  const auto ranks = scale_ranks(scaling_shape(), scaling_machine(), kScalingBucket);
  ASSERT_EQ(ranks.size(), 11u);
  EXPECT_EQ(ranks.back().ranks, kMostRanks);
  for (size_t i = 1; i < ranks.size(); ++i) {
    EXPECT_EQ(ranks[i].ranks, 2 * ranks[i - 1].ranks);
    EXPECT_GT(ranks[i].samples_per_second, ranks[i - 1].samples_per_second) << ranks[i].ranks;
  }
  EXPECT_NEAR(ranks[3].samples_per_second * ranks[3].step_seconds, 8 * 64, 1e-6);
  EXPECT_EQ(ranks[0].communication, 0);
  EXPECT_GT(ranks[5].communication, 0);

  TrainingShape small = scaling_shape();
  small.global_batch = 16;
  Machine larger = scaling_machine();
  larger.memory_bytes *= 2;
  const auto classes = scale_classes(small, larger, kScalingBucket);
  ASSERT_EQ(classes.size(), 9u);  // 1, 3 times 10⁵ … 10⁹
  EXPECT_EQ(classes.front().classes, 100'000);
  EXPECT_EQ(classes.back().classes, kMostClasses);
  EXPECT_EQ(classes.front().ranks, 4);
  for (const ScalingRow& row : classes)
    EXPECT_EQ(row.fits, row.memory_bytes <= larger.memory_bytes) << row.classes;
  EXPECT_GT(classes.back().ranks, 100);
  EXPECT_TRUE(classes.back().fits);
}

}  // namespace
}  // namespace partialfc
