// `partialfc` as it is called: it knows all commands, and answers at once. Loading libtorch takes half a second, so a command
// that needs it, or MPI, goes on in partialfc-worker, which lies beside it and takes its place: the same process, the same words.
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "cli/command.h"
#include "partialfc/base/error.h"
#include "partialfc/launch/rank_environment.h"

namespace partialfc {

int go_on(const Action& action, char** argv) {
  if (!action.in_worker) return report_errors(action.run);
  limit_openmp_spinning();
  const std::filesystem::path worker = std::filesystem::path(own_program()).parent_path() / PARTIALFC_WORKER;
  ::execv(worker.c_str(), argv);
  return report_errors([&]() -> int {
    fail("{}: cannot start it: {}: it belongs beside {}, and does what needs libtorch or MPI",
         worker.string(), errno_text(errno), own_program());
  });
}

}  // namespace partialfc
