#include "partialfc/plan/step_model.h"

#include <gtest/gtest.h>

#include <map>

#include "partialfc/models/backbones.h"

namespace partialfc {
namespace {

constexpr int64_t kStepBucket = 4 << 20;

TrainingShape step_shape() {
  return {.backbone = make_backbone({.name = "small", .input = {1, 16, 16}, .embedding = 64, .stages = 2}),
          .classes = 40'960,
          .global_batch = 48};
}

Machine step_machine() {
  return {.backbone_flops = 1e9,
          .head_flops = 2e9,
          .memory_bandwidth = 1e9,
          .interconnect = {.host = {1e-6, 1e9}, .network = {1e-5, 1e8}, .ranks_per_host = 1}};
}

std::map<std::string, double> parts_of(const TrainingShape& shape, const Machine& machine) {
  std::map<std::string, double> parts;
  for (const auto& [name, seconds] : plan_step(shape, machine, kStepBucket).parts) parts[name] = seconds;
  return parts;
}

TEST(StepModel, PartsOfOneRankFollowFromFlopsAndBytes) {
  const double flops = static_cast<double>(step_shape().backbone.forward_flops());
  const auto parts = parts_of(step_shape(), step_machine());
  EXPECT_DOUBLE_EQ(parts.at("backbone_forward"), 48 * flops / 1e9);
  EXPECT_DOUBLE_EQ(parts.at("backbone_backward"), 2 * 48 * flops / 1e9);
  const double product = 2.0 * 48 * 40'960 * 64, values = 40'960 * 80 * 4;  // 48 padded to 64 + 16
  EXPECT_DOUBLE_EQ(parts.at("head_forward"), 2 * product / 2e9 + (40'960 * 64 * 4 + values) / 1e9);
  EXPECT_DOUBLE_EQ(parts.at("head_update"), product / 2e9 + (2 * 40'960 * 128 * 4 + values) / 1e9);
  EXPECT_DOUBLE_EQ(parts.at("backbone_step"), 4.0 * 7 * step_shape().backbone.parameter_count() / 1e9);
  for (const char* name : {"all_gather", "all_reduce", "reduce_scatter", "gradient_wait"})
    EXPECT_EQ(parts.at(name), 0) << name;
  const StepPlan plan = plan_step(step_shape(), step_machine(), kStepBucket);
  double sum = 0;
  for (const StepPart& part : plan.parts) sum += part.seconds;
  EXPECT_DOUBLE_EQ(plan.seconds, sum);
}

TEST(StepModel, CollectivesHaveTheBytesThatTrafficCounts) {
  TrainingShape two = step_shape();
  two.ranks = 2;
  two.global_batch = 13;  // 7 rows a rank, padded
  const StepPlan plan = plan_step(two, step_machine(), kStepBucket);
  ASSERT_EQ(plan.collectives.size(), 4u);
  EXPECT_EQ(plan.collectives[0].bytes, 14 * (64 + 2) * 4);
  EXPECT_EQ(plan.collectives[1].bytes, (2 * 13 + 1) * 4);
  EXPECT_EQ(plan.collectives[2].bytes, 14 * 64 * 4);
  EXPECT_EQ(plan.collectives[3].bytes, two.backbone.parameter_count() * 4);
  EXPECT_DOUBLE_EQ(plan.collectives[0].cost.seconds, 1e-5 + 7 * 66 * 4 / 1e8);
}

TEST(StepModel, ValuesThatAreNotKeptAreComputedAgain) {
  TrainingShape less = step_shape();
  less.kept_bytes = 0;
  const HeadWork all = head_work(step_shape()), none = head_work(less);
  EXPECT_DOUBLE_EQ(none.update_flops, 2 * all.update_flops);  // 8·N·S·D in all
  EXPECT_DOUBLE_EQ(none.forward_flops, all.forward_flops);
  EXPECT_LT(none.update_bytes, all.update_bytes);
}

TEST(StepModel, MicroBatchesAreEmbeddedTwice) {
  TrainingShape parts = step_shape();
  parts.micro_batches = 4;
  EXPECT_DOUBLE_EQ(parts_of(parts, step_machine()).at("backbone_backward"),
                   1.5 * parts_of(step_shape(), step_machine()).at("backbone_backward"));
}

// Buckets go out while backward runs: what is left to wait for is the last one where the network keeps up, and most of
// all of them where it does not.
TEST(StepModel, GradientsHideBehindBackward) {
  TrainingShape two = step_shape();
  two.backbone = make_backbone({.name = "iresnet18"});
  two.ranks = 2;
  Machine fast = step_machine();
  fast.interconnect.network.bandwidth = 1e10;
  const auto wait = [&](const Machine& m) { return parts_of(two, m).at("gradient_wait"); };
  const double backward = parts_of(two, fast).at("backbone_backward");
  const double fast_all = plan_step(two, fast, kStepBucket).collectives[3].cost.seconds;
  EXPECT_GT(wait(fast), 0);
  EXPECT_LT(wait(fast), fast_all / 4);
  Machine slow = step_machine();
  slow.interconnect.network.bandwidth = 1e6;
  const double slow_all = plan_step(two, slow, kStepBucket).collectives[3].cost.seconds;
  EXPECT_GT(slow_all, 50);
  EXPECT_GE(wait(slow), slow_all - backward);
  EXPECT_LE(wait(slow), slow_all);
}

}  // namespace
}  // namespace partialfc
