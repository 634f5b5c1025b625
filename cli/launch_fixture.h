// For tests of `partialfc launch` on this machine alone.
#pragma once

#include <string>
#include <vector>

#include "cli/program_fixture.h"

namespace partialfc {

class Launch : public ProgramTest {
 protected:
  ChildResult launch(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "launch");
    return run(arguments);
  }
};

inline std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace partialfc
