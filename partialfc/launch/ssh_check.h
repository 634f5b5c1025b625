// Whether ranks can be started on other hosts: each is asked over ssh, all at once, before mpirun is.
//
// ssh runs as mpirun will run it (BatchMode: it never asks; host keys as the user's configuration has it). On the host a
// line of sh looks, in this order, for the folder that the ranks run in, for Open MPI, for the program, and for its
// version where it is ours.
#pragma once

#include <string>
#include <vector>

#include "partialfc/launch/child_process.h"

namespace partialfc {

struct HostNeeds {
  std::string folder;        // where the ranks run
  std::string program;       // what they run: a path, or a name that is looked for in `path`
  std::string version;       // what `program --version` has to print; empty: it is not asked
  std::string path;          // PATH of the ranks
  std::string library_path;  // LD_LIBRARY_PATH of the ranks; empty: the host's own
};

// One line for each of `hosts` on which ranks cannot be started: what is wrong, and what to do. port 0: the one of
// ssh's configuration.
std::vector<std::string> check_hosts(const std::vector<std::string>& hosts, int port, const HostNeeds& needs);

// The line for one host: from what ssh returned; empty where all is well.
std::string host_failure(const std::string& host, int port, const HostNeeds& needs,
                         const ChildResult& result);

}  // namespace partialfc
