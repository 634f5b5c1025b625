// Ranks as processes, started by mpirun or srun: the communicator of runs on many machines, over MPI.
//
// Every operation is a non-blocking MPI collective. MPI moves these on inside its own calls only, so one progress
// thread a process drives them while the ranks compute; one lock goes round all MPI calls (measured: no slower than
// MPI_THREAD_MULTIPLE). The same thread answers the peers' question "how far are you?", even while this rank's own
// threads compute or hang: that is how a TimeoutError can name the late ranks. And it sends heartbeats: a rank that is
// dead, stopped or cut off is told from one that is slow (Options::heartbeat).
//
//   MpiSession session;
//   try {
//     train(session.world());
//   } catch (const std::exception& error) {
//     print(error);
//     session.abort(1);   // ends the peers too
//   }
#pragma once

#include <memory>
#include <string>

#include "partialfc/comm/communicator.h"

namespace partialfc {

class MpiEngine;

// MPI from MPI_Init_thread to MPI_Finalize: at most one in the life of a process. Channels must not be used after it.
class MpiSession {
 public:
  explicit MpiSession(const Communicator::Options& options = {});
  // Waits for the peers to get here, then finalizes. While an exception unwinds the stack, or after a failed operation,
  // it does neither: the launcher takes a process that ends without MPI_Finalize as failed, and ends its peers.
  ~MpiSession();
  MpiSession(const MpiSession&) = delete;
  MpiSession& operator=(const MpiSession&) = delete;

  // Whether mpirun, or srun with PMI, started this process; without MPI: as one of several.
  static bool launched_by_mpi();

  Communicator& world() { return *world_; }

  // Ends this process and all its peers, at once; where the network is down it may not return and not end either, so
  // have a way out at hand.
  [[noreturn]] void abort(int exit_code);

 private:
  std::shared_ptr<MpiEngine> engine_;
  std::unique_ptr<Communicator> world_;
  int exceptions_at_start_ = 0;
};

// Throws UsageError, which says what to do, where the library was built without MPI; MpiSession does so as well.
void require_mpi(const std::string& asked_for);

// Versions of MPI: what this was built with, and the library that is loaded. May be asked without a session.
struct MpiVersions {
  std::string built,
      found;  // "4.1.4"; of an MPI other than Open MPI: its own words; empty: built without MPI
};
MpiVersions mpi_versions();

}  // namespace partialfc
