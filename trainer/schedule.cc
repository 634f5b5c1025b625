#include "trainer/schedule.h"

#include <algorithm>
#include <cmath>

#include "partialfc/base/error.h"

namespace partialfc {

double learning_rate_at(const ScheduleOptions& options, double base_rate, int64_t step, int64_t total_steps) {
  if (step < options.warmup_steps)
    return base_rate * static_cast<double>(step + 1) / static_cast<double>(options.warmup_steps);
  if (options.policy == "constant") return base_rate;
  if (options.policy == "step") {
    const auto passed = std::count_if(options.milestones.begin(), options.milestones.end(),
                                      [&](int64_t milestone) { return milestone <= step; });
    return base_rate * std::pow(options.gamma, static_cast<double>(passed));
  }
  if (options.policy == "polynomial") {
    const auto course = static_cast<double>(std::max<int64_t>(1, total_steps - options.warmup_steps));
    const double done = static_cast<double>(step - options.warmup_steps) / course;
    return base_rate * std::pow(std::max(0.0, 1 - done), options.power);
  }
  fail_usage("schedule.policy = '{}' is unknown; known: constant, step, polynomial", options.policy);
}

}  // namespace partialfc
