// partialfc/comm/mpi.h in a library that was built without MPI: ranks are threads of one process (thread_ranks.h), and a
// process is a world of its own.
#include <cstdlib>

#include "partialfc/base/error.h"
#include "partialfc/comm/mpi.h"

namespace partialfc {

namespace {

// The variable that says how many processes mpirun or srun started, where these are more than one; else null.
const char* variable_of_many() {
  for (const char* name : {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE", "SLURM_STEP_NUM_TASKS"})
    if (const char* value = std::getenv(name); value != nullptr && std::atoi(value) > 1) return name;
  return nullptr;
}

}  // namespace

MpiSession::MpiSession(const Communicator::Options&) {
  const char* variable = variable_of_many();
  require_mpi(variable == nullptr
                  ? "a session of MPI"
                  : fmt::format("started as one of {} ranks ({})", std::getenv(variable), variable));
}
MpiSession::~MpiSession() = default;

// As one process alone it needs no MPI.
bool MpiSession::launched_by_mpi() { return variable_of_many() != nullptr; }

void MpiSession::abort(int) { throw InternalError("there is no session of MPI"); }

void require_mpi(const std::string& asked_for) {
  fail_usage(
      "{}: partialfc was built without MPI and runs as one rank; start it alone, or build it where CMake finds Open MPI",
      asked_for);
}

MpiVersions mpi_versions() { return {}; }

}  // namespace partialfc
