// What `partialfc plan` prints: a report of 80 columns, or one JSON object.
#pragma once

#include <string>
#include <vector>

#include "partialfc/plan/machine_inputs.h"
#include "partialfc/plan/plan.h"

namespace partialfc {

struct PlanReport {
  std::string backbone;  // its name
  std::vector<PlanInput> inputs;
  std::vector<std::string> notes;  // what the plan leaves out
  Plan plan;
};

std::string plan_text(const PlanReport& report);
std::string plan_json(const PlanReport& report);

}  // namespace partialfc
