// For tests of `partialfc plan`.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/program_fixture.h"

namespace partialfc {

class PlanCommand : public ProgramTest {
 protected:
  PlanCommand() { allow_mpirun_as_root(); }
  nlohmann::json plan_json(const std::vector<std::string>& more) {
    std::vector<std::string> all = {"plan", "--json"};
    all.insert(all.end(), more.begin(), more.end());
    const ChildResult result = run(all);
    expect_done(result);
    return nlohmann::json::parse(result.out);  // one object and nothing else
  }
};

}  // namespace partialfc
