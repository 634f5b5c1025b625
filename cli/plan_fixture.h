// For tests of `partialfc plan`.
#pragma once

#include <stdlib.h>

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "cli/program_fixture.h"

namespace partialfc {

class PlanCommand : public ProgramTest {
 protected:
  // mpirun refuses to run as root, as in a container, unless these two say so.
  PlanCommand() {
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  }
  nlohmann::json plan_json(const std::vector<std::string>& more) {
    std::vector<std::string> all = {"plan", "--json"};
    all.insert(all.end(), more.begin(), more.end());
    const ChildResult result = run(all);
    expect_done(result);
    return nlohmann::json::parse(result.out);  // one object and nothing else
  }
};

}  // namespace partialfc
