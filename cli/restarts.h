// A command that is started again where it fails: for `launch --max-restarts`.
#pragma once

#include <string>
#include <vector>

namespace partialfc {

// Runs the command, and up to `most` times again, until it ends with 0, 2 (wrong usage) or 75 (stopped after saving), some
// seconds apart; each restart is told in one line. Returns the last exit code. SIGINT, SIGTERM, SIGHUP, SIGUSR1 and
// SIGUSR2 are handed on to the command, which is not started again after the first of them.
int run_with_restarts(const std::vector<std::string>& command, int most);

}  // namespace partialfc
