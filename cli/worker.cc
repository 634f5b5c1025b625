// The program that has all of partialfc: started by the one of front.cc, or, in a build without libtorch, the only one.
#include <unistd.h>

#include "cli/command.h"
#include "measure/openblas.h"
#include "partialfc/launch/rank_environment.h"

namespace partialfc {

std::string worker_program() { return own_program(); }

int go_on(const Action& action, char** argv) {
  if (limit_openmp_spinning())
    ::execv("/proc/self/exe", argv);  // returns only where it fails: then go on as we are
  set_openblas_threads(1);            // libtorch's calls of it run inside loops that are parallel already
  return report_errors(action.run);
}

}  // namespace partialfc
