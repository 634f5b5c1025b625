#include "trainer/step_meter.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <thread>

namespace partialfc {
namespace {

TEST(StepMeter, MeansAreOverTheFiniteStepsSinceTheRestart) {
  StepMeter meter;
  meter.add_step(100, 100, true, 10, 0);
  meter.restart();
  meter.add_step(2, 3, true, 10, 0);
  meter.add_step(std::nan(""), std::nan(""), false, 10, 0);
  meter.add_step(9, std::nan(""), true, 10, 0);
  meter.add_step(4, 7, true, 10, 0);
  Progress progress;
  meter.report(progress, 6);
  EXPECT_DOUBLE_EQ(progress.loss, 3);
  EXPECT_DOUBLE_EQ(progress.gradient_norm, 5);
  EXPECT_EQ(meter.skipped_steps(), 1);
  EXPECT_EQ(meter.steps_without_backbone(), 1);
  EXPECT_EQ(meter.total_steps(), 5);
  // 4 steps of 10 samples: the time a sample took, and the time of the 6 steps to come, agree.
  EXPECT_NEAR(progress.seconds_left, 60 / progress.samples_per_second, 1e-9);
}

TEST(StepMeter, WithoutAFiniteStepThereIsNoLoss) {
  StepMeter meter;
  meter.add_step(1, 1, false, 10, 0);
  Progress progress;
  meter.report(progress, 1);
  EXPECT_TRUE(std::isnan(progress.loss));
}

TEST(StepMeter, WaitingIsCountedSinceTheRestart) {
  StepMeter meter;
  meter.add_step(1, 1, true, 1, 1000);  // waited for 1000 s before
  meter.restart();
  meter.add_step(1, 1, true, 1, 1000);
  Progress progress;
  meter.report(progress, 0);
  EXPECT_EQ(progress.data_wait, 0);
  meter.add_step(1, 1, true, 1, 2000);
  meter.report(progress, 0);
  EXPECT_EQ(progress.data_wait, 1);  // never more than all
  EXPECT_EQ(meter.total_wait(), 2000);
}

TEST(StepMeter, PausesDoNotCount) {
  using Clock = std::chrono::steady_clock;
  const auto began = Clock::now();
  StepMeter meter;
  meter.pause();
  const auto paused = Clock::now();
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  const auto resumed = Clock::now();
  meter.resume();
  meter.add_step(1, 1, true, 1, 0);
  Progress progress;
  meter.report(progress, 1);
  const double counted = meter.total_seconds();
  const std::chrono::duration<double> in_all = Clock::now() - began, pause = resumed - paused;
  EXPECT_LE(counted, (in_all - pause).count());
  EXPECT_LE(progress.seconds_left, (in_all - pause).count());
}

}  // namespace
}  // namespace partialfc
