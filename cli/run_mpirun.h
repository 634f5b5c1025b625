// mpirun beneath this process: what comes to the one comes to the other. For partialfc launch.
#pragma once

#include <string>
#include <vector>

namespace partialfc {

// What Open MPI 4 ends with where it has lost a host; 5.0.7 says so and ends with 0.
constexpr int kHostLost = 205;

// Runs it to its end. Returns its exit code, 128 + the signal where one ended it; never 0 where it told that it has lost a
// host. Throws Error where it cannot be started.
//
// SIGINT, SIGTERM, SIGHUP, SIGUSR1 and SIGUSR2 are handed on, from the first run to the end of this process. mpirun is in a
// group of processes of its own, so that what is sent to all of this one's, as a terminal's Ctrl-C, comes to it once: a
// second one ends it at once. For that it is not given what is typed on a terminal. It is asked to end (SIGTERM) where this
// process dies.
int run_mpirun(const std::vector<std::string>& command);

// Whether one of these signals has come since the first run.
bool mpirun_was_asked_to_stop();

}  // namespace partialfc
