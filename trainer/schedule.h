// The learning rate of a step: warm-up, then one of three courses.
//
//     warm-up       η(t) = η0 · (t + 1)/T_w                        t < T_w
//     constant      η(t) = η0
//     step          η(t) = η0 · γ^(number of milestones <= t)
//     polynomial    η(t) = η0 · (1 − (t − T_w)/(T − T_w))^p        T: all steps
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace partialfc {

struct ScheduleOptions {
  std::string policy = "polynomial";  // constant | step | polynomial
  int64_t warmup_steps = 0;
  std::vector<int64_t> milestones;  // steps
  double gamma = 0.1;
  double power = 2;
};

// step: 0 … total_steps − 1. Throws UsageError for an unknown policy.
double learning_rate_at(const ScheduleOptions& options, double base_rate, int64_t step, int64_t total_steps);

}  // namespace partialfc
