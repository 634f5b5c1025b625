// The part of `partialfc check` about the hosts: whether ranks can be started there, and what the network between them
// gives, measured by ranks of this program under mpirun: one a host, or two where there is one host. `launch` asks the
// same before it starts anything.
#pragma once

#include <string>
#include <vector>

#include "cli/check_list.h"
#include "partialfc/launch/hosts.h"
#include "partialfc/plan/machine.h"

namespace partialfc {

struct NetworkCheck {
  std::vector<Host> hosts;
  int ssh_port = 0;
  std::string network_interface;
  std::vector<std::string> environment;  // NAME or NAME=VALUE: of the ranks that measure
};

void check_network(const NetworkCheck& network, CheckList& list);

struct MeasuredNetwork {
  std::string failure, remedy;  // empty: every host reaches every other one
  Link link;
};
MeasuredNetwork measure_network(const NetworkCheck& network);

// What each rank of that mpirun does: it talks to every other one, and rank 0 prints {"latency": seconds, "bandwidth":
// bytes/s}. Returns the exit code.
int measure_as_rank();

}  // namespace partialfc
