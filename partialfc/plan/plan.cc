#include "partialfc/plan/plan.h"

namespace partialfc {

Plan make_plan(const TrainingShape& shape, const Machine& machine, int64_t bucket_bytes) {
  Plan plan{.shape = shape,
            .memory = training_memory(shape, machine),
            .memory_limit = machine.memory_bytes,
            .step = plan_step(shape, machine, bucket_bytes),
            .largest_classes = largest_classes(shape, machine),
            .paying_rate = paying_sample_rate(shape, machine, bucket_bytes),
            .by_ranks = scale_ranks(shape, machine, bucket_bytes),
            .by_classes = scale_classes(shape, machine, bucket_bytes)};
  if (shape.sample_rate < 1) plan.asked_rate = shape.sample_rate;
  plan.paying_classes = paying_classes(shape, plan.asked_rate, machine, bucket_bytes);
  return plan;
}

}  // namespace partialfc
