#include "trainer/schedule.h"

#include <gtest/gtest.h>

#include "partialfc/base/error.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

TEST(Schedule, WarmUpRisesLinearlyToTheBaseRate) {
  const ScheduleOptions options{.policy = "constant", .warmup_steps = 4};
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 2, 0, 10), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 2, 2, 10), 1.5);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 2, 3, 10), 2);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 2, 4, 10), 2);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 2, 9, 10), 2);
}

TEST(Schedule, StepFallsAtEachMilestoneInAnyOrder) {
  const ScheduleOptions options{.policy = "step", .milestones = {6, 3}, .gamma = 0.5};
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 8, 2, 10), 8);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 8, 3, 10), 4);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 8, 5, 10), 4);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 8, 6, 10), 2);
}

TEST(Schedule, PolynomialFallsFromTheEndOfWarmUpToTheEnd) {
  const ScheduleOptions options{.policy = "polynomial", .warmup_steps = 2, .power = 3};
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 1, 0, 12), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 1, 2, 12), 1);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 1, 7, 12), 0.125);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 1, 12, 12), 0);
  EXPECT_DOUBLE_EQ(learning_rate_at(options, 1, 20, 12), 0);  // never below
}

TEST(Schedule, ARunThatIsAllWarmUp) {
  EXPECT_DOUBLE_EQ(learning_rate_at({.warmup_steps = 10}, 1, 4, 5), 0.5);
  EXPECT_DOUBLE_EQ(learning_rate_at({.warmup_steps = 5}, 1, 5, 5), 1);  // no division by zero
}

TEST(Schedule, AnUnknownPolicyIsRefused) {
  EXPECT_EQ(message_of([] { learning_rate_at({.policy = "cosine"}, 1, 0, 5); }),
            "schedule.policy = 'cosine' is unknown; known: constant, step, polynomial");
}

}  // namespace
}  // namespace partialfc
