// `partialfc` as it is called: it knows all commands, and answers at once. Loading libtorch takes half a second, so a command
// that needs it, or MPI, goes on in partialfc-worker, which lies beside it and takes its place: the same process, the same words.
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "cli/command.h"
#include "partialfc/base/error.h"
#include "partialfc/launch/rank_environment.h"

namespace partialfc {

std::string worker_program() {
  return (std::filesystem::path(own_program()).parent_path() / PARTIALFC_WORKER_NAME).string();
}

int go_on(const Action& action, char** argv) {
  if (!action.in_worker) return report_errors(action.run);
  limit_openmp_spinning();
  return report_errors([&]() -> int {
    const std::string worker = worker_program();
    ::execv(worker.c_str(), argv);
    const int code = errno;
    fail("{}: cannot start it: {}: it belongs beside {}, and does what needs libtorch or MPI", worker,
         errno_text(code), own_program());
  });
}

}  // namespace partialfc
