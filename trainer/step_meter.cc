#include "trainer/step_meter.h"

#include <algorithm>
#include <cmath>

namespace partialfc {

void StepMeter::add_step(double loss, double gradient_norm, bool finite, int64_t samples,
                         double wait_seconds) {
  ++steps_;
  ++total_steps_;
  samples_ += samples;
  wait_seconds_ = wait_seconds;
  if (!finite || !std::isfinite(gradient_norm)) {
    ++(finite ? steps_without_backbone_ : skipped_steps_);
    return;
  }
  ++finite_steps_;
  loss_ += loss;
  gradient_norm_ += gradient_norm;
}

void StepMeter::report(Progress& progress, int64_t steps_left) const {
  const double seconds = std::max(1e-9, std::chrono::duration<double>(Clock::now() - began_).count());
  const auto finite = static_cast<double>(finite_steps_);  // 0: the means are NaN
  progress.loss = loss_ / finite;
  progress.gradient_norm = gradient_norm_ / finite;
  progress.samples_per_second = static_cast<double>(samples_) / seconds;
  progress.data_wait = std::min(1.0, (wait_seconds_ - wait_at_restart_) / seconds);
  progress.seconds_left =
      seconds / static_cast<double>(std::max<int64_t>(1, steps_)) * static_cast<double>(steps_left);
}

void StepMeter::resume() {
  const auto pause = Clock::now() - paused_at_;
  began_ += pause;
  first_ += pause;
}

double StepMeter::total_seconds() const {
  return std::chrono::duration<double>(Clock::now() - first_).count();
}

void StepMeter::restart() {
  began_ = Clock::now();
  steps_ = finite_steps_ = samples_ = 0;
  loss_ = gradient_norm_ = 0;
  wait_at_restart_ = wait_seconds_;
}

}  // namespace partialfc
