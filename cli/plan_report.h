// What `partialfc plan` prints: a report of 80 columns, or one JSON object.
#pragma once

#include <string>
#include <vector>

#include "partialfc/plan/memory_model.h"
#include "partialfc/plan/scaling_table.h"
#include "partialfc/plan/step_model.h"

namespace partialfc {

// A number that the plan takes from outside.
struct PlanInput {
  std::string name;
  double value = 0;
  std::string unit;
  std::string source;  // given, measured here, default
};

struct Plan {
  TrainingShape shape;
  std::string backbone;  // its name
  std::vector<PlanInput> inputs;
  std::vector<std::string> notes;  // what the plan leaves out
  std::vector<MemoryItem> memory;
  int64_t memory_limit = 0;
  StepPlan step;
  int64_t largest_classes = 0;
  double paying_rate = 0;      // 0: none
  double asked_rate = 0.1;     // for paying_classes
  int64_t paying_classes = 0;  // 0: none
  std::vector<ScalingRow> by_ranks, by_classes;
};

std::string plan_text(const Plan& plan);
std::string plan_json(const Plan& plan);

}  // namespace partialfc
