// Means over the steps since the last report: loss, speed, time spent waiting for data.
#pragma once

#include <chrono>
#include <cstdint>

#include "trainer/run_log.h"

namespace partialfc {

class StepMeter {
 public:
  // finite: the head's step was, else nothing has changed. wait_seconds: waited for data so far, since the run began.
  void add_step(double loss, double gradient_norm, bool finite, int64_t samples, double wait_seconds);
  // Waited for other ranks in a step.
  void add_rank_wait(double seconds) { rank_wait_ += seconds; }
  // Fills in loss, gradient_norm, samples_per_second, data_wait and seconds_left (of `steps_left`).
  void report(Progress& progress, int64_t steps_left) const;
  void restart();
  // Leaves out time that was not training: verification, saving.
  void pause() { paused_at_ = Clock::now(); }
  void resume();

  int64_t skipped_steps() const { return skipped_steps_; }  // not finite, since the run began
  // Steps of the centers alone, as the backbone's gradient was not finite; since the run began.
  int64_t steps_without_backbone() const { return steps_without_backbone_; }
  // Since the run began, without the pauses.
  int64_t total_steps() const { return total_steps_; }
  double total_wait() const { return wait_seconds_; }
  double total_rank_wait() const { return rank_wait_; }
  double total_seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  Clock::time_point first_ = Clock::now(), began_ = first_, paused_at_;  // moved on by pauses
  int64_t steps_ = 0, finite_steps_ = 0, samples_ = 0, skipped_steps_ = 0, total_steps_ = 0;
  int64_t steps_without_backbone_ = 0;
  double loss_ = 0, gradient_norm_ = 0;
  double wait_seconds_ = 0, wait_at_restart_ = 0, rank_wait_ = 0;
};

}  // namespace partialfc
