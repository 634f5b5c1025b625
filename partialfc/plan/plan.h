// Everything that the models say of one run on one machine.
#pragma once

#include <cstdint>
#include <vector>

#include "partialfc/plan/memory_model.h"
#include "partialfc/plan/scaling_table.h"
#include "partialfc/plan/step_model.h"

namespace partialfc {

struct Plan {
  TrainingShape shape;
  std::vector<MemoryItem> memory;  // of a rank
  int64_t memory_limit = 0;        // bytes that a rank may have
  StepPlan step;
  int64_t largest_classes = 0;  // that fit
  double paying_rate = 0;       // the largest sample rate that pays; 0: none
  double asked_rate = 0.1;      // for paying_classes
  int64_t paying_classes = 0;   // from which on that rate pays; 0: none
  std::vector<ScalingRow> by_ranks, by_classes;
};

// bucket_bytes: of the backbone's gradient, as in plan_step().
Plan make_plan(const TrainingShape& shape, const Machine& machine, int64_t bucket_bytes);

}  // namespace partialfc
