// What a rank says, under mpirun, when another one does not arrive: mpirun -np 3 mpi_failures MODE,
// where rank 1
//   sleep   computes for ever      stop    is stopped by a signal
//   die     is killed by a signal
//   throw   throws                 leave   throws with no one to catch it before the session ends
//   end     ends too early         other   calls another operation
// The test looks for the message in the output; that mpirun ends soon shows that the peers were
// ended.
#include <fmt/core.h>
#include <signal.h>

#include <string>
#include <thread>
#include <vector>

#include "partialfc/comm/mpi.h"

namespace partialfc {
namespace {

void misbehave(Communicator& head, const std::string& mode) {
  if (mode == "sleep") std::this_thread::sleep_for(std::chrono::minutes(5));
  if (mode == "stop") ::raise(SIGSTOP);
  if (mode == "die") ::raise(SIGKILL);
  if (mode == "throw" || mode == "leave") fail("rank 1 ran out of luck");
  if (mode == "other") head.barrier().wait();
}

void run(MpiSession& session, const std::string& mode) {
  const auto head = session.world().open_channel("head");
  std::vector<float> values(64);
  for (int step = 0; step < 16; ++step) head->all_reduce<float>(values).wait();
  if (head->rank() == 1) return misbehave(*head, mode);
  head->all_reduce<float>(values).wait();
}

// As a program should: the reason on one line, then the end of all ranks.
void run_and_abort(MpiSession& session, const std::string& mode) {
  try {
    run(session, mode);
  } catch (const std::exception& error) {
    fmt::print(stderr, "rank {}: {}\n", session.world().rank(), error.what());
    session.abort(3);
  }
}

}  // namespace
}  // namespace partialfc

int main(int, char** arguments) {
  const std::string mode = arguments[1];
  try {
    // Where the peers are to be ended, not to give up: more than the test's own time limit.
    const bool fails = mode == "throw" || mode == "leave" || mode == "die";
    partialfc::MpiSession session({std::chrono::seconds(fails ? 300 : 1)});
    if (mode == "leave")
      partialfc::run(session, mode);
    else
      partialfc::run_and_abort(session, mode);
  } catch (const std::exception& error) {
    fmt::print(stderr, "left the session: {}\n", error.what());
    return 3;
  }
}
