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

// Whether `output` has the line as mpirun labels it: Open MPI 5 puts a blank behind the label.
inline bool is_labelled(const std::string& output, int rank, const std::string& stream,
                        const std::string& line) {
  const std::string label = fmt::format("[1,{}]<{}>:", rank, stream);
  return output.find(label + line + "\n") != std::string::npos ||
         output.find(label + " " + line + "\n") != std::string::npos;
}

inline std::vector<std::string> operator+(std::vector<std::string> a, const std::vector<std::string>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace partialfc
