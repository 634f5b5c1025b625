#include "partialfc/plan/plan.h"

#include <gtest/gtest.h>

#include "partialfc/models/backbones.h"

namespace partialfc {
namespace {

constexpr int64_t kBucket = 4 << 20;

TEST(Plan, IsWhatTheModelsSay) {
  TrainingShape shape{
      .backbone = make_backbone({.name = "small", .input = {1, 16, 16}, .embedding = 64, .stages = 2}),
      .classes = 100'000,
      .global_batch = 64,
      .sample_rate = 0.25,
      .ranks = 2};
  const Machine machine{.backbone_flops = 1e11,
                        .head_flops = 1e11,
                        .memory_bandwidth = 1e10,
                        .interconnect = {.host = {1e-6, 1e10}, .network = {1e-5, 1e9}, .ranks_per_host = 2},
                        .memory_bytes = int64_t{2} << 30,
                        .program_bytes = 200'000'000};
  const Plan plan = make_plan(shape, machine, kBucket);
  EXPECT_EQ(total_bytes(plan.memory), total_bytes(training_memory(shape, machine)));
  EXPECT_EQ(plan.memory_limit, machine.memory_bytes);
  EXPECT_EQ(plan.step.seconds, plan_step(shape, machine, kBucket).seconds);
  EXPECT_EQ(plan.largest_classes, largest_classes(shape, machine));
  EXPECT_EQ(plan.asked_rate, 0.25);
  EXPECT_EQ(plan.paying_classes, paying_classes(shape, 0.25, machine, kBucket));
  EXPECT_EQ(plan.by_ranks.front().ranks, 1);
  shape.sample_rate = 1;
  EXPECT_EQ(make_plan(shape, machine, kBucket).asked_rate, 0.1);  // where none is asked for
}

}  // namespace
}  // namespace partialfc
