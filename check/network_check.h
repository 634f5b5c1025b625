// The part of `partialfc check` about the hosts: whether ranks can be started there, and what the network between them
// gives, measured by ranks of this program under mpirun: one a host, or two where there is one host. `launch` asks the
// same before it starts anything.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "check/check_list.h"
#include "partialfc/comm/communicator.h"
#include "partialfc/launch/hosts.h"
#include "partialfc/plan/machine.h"

namespace partialfc {

struct NetworkCheck {
  std::vector<Host> hosts;
  int ssh_port = 0;
  std::string network_interface;
  std::vector<std::string> environment;  // NAME or NAME=VALUE: of the ranks that measure
  std::string program;                   // whose ranks measure: this one's path
};

void check_network(const NetworkCheck& network, CheckList& list);

struct MeasuredNetwork {
  std::string failure, remedy;  // empty: every host reaches every other one
  Link link;
};
MeasuredNetwork measure_network(const NetworkCheck& network);
// The same, given up after `longest`.
MeasuredNetwork measure_network(const NetworkCheck& network, std::chrono::seconds longest);

// How long the measurement of so many hosts may take: what mpirun needs to start, and links of 10 MB/s.
std::chrono::seconds longest_measurement(size_t hosts);

// What each of those ranks does, started as `check --as-rank=SECONDS`, for which it waits for another at most: it talks to
// every other one, and measures. Collective.
Link measure_as_rank(Communicator& world);
// Its words, for the process that started the ranks: {"latency": seconds, "bandwidth": bytes/s}.
std::string link_json(const Link& link);

}  // namespace partialfc
