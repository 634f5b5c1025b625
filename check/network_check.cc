#include "check/network_check.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "measure/link_measurement.h"
#include "partialfc/base/error.h"
#include "partialfc/formats/json.h"
#include "partialfc/launch/mpirun_command.h"
#include "partialfc/launch/rank_environment.h"
#include "partialfc/launch/ssh_check.h"

namespace partialfc {

namespace {

constexpr double kSlowestLink = 1e7;     // bytes/s that a measurement bears with: Ethernet of 100 Mbit/s
constexpr double kStartSeconds = 60;     // mpirun's logins on all hosts, and MPI's connections
constexpr int kKilled = 137;             // exit code of a child that took too long
constexpr double kPatienceSeconds = 30;  // of a rank with another, beside what is on its way

// check_hosts() begins a line with the host's name, then its port or a colon.
bool is_about(const std::string& failure, const std::string& host) {
  return failure.starts_with(host + ":") || failure.starts_with(host + " port ");
}

// Returns whether ranks can be started on all hosts.
bool check_each_host(const NetworkCheck& network, CheckList& list) {
  const std::vector<std::string> others = other_hosts(network.hosts);
  const std::vector<std::string> failures =
      check_hosts(others, network.ssh_port,
                  host_needs(network.program, "partialfc " PARTIALFC_VERSION, network.environment));
  for (const Host& host : network.hosts) {
    const auto failure =
        std::ranges::find_if(failures, [&](const std::string& line) { return is_about(line, host.name); });
    if (failure != failures.end())
      list.wrong(host.name, *failure);
    else if (std::ranges::find(others, host.name) == others.end())
      list.ok(host.name, "this host");
    else
      list.ok(host.name, "ssh, the folder, Open MPI and partialfc " PARTIALFC_VERSION " are in order");
  }
  return failures.empty();
}

// The last line that says something: mpirun ends with rules and a summary of its own.
std::string reason_in(const std::string& err) {
  const size_t message = err.find("partialfc: ");
  const size_t begin = message == std::string::npos ? err.find_first_not_of("-\n ") : message;
  if (begin == std::string::npos) return "it says nothing";
  return err.substr(begin, err.find('\n', begin) - begin);
}

// How long a rank that measures, of so many, may wait for another, in seconds.
double patience_of_measurement(int ranks) {
  return kPatienceSeconds + static_cast<double>(bytes_of_large_gather(ranks)) / kSlowestLink;
}

int ranks_that_measure(size_t hosts) { return std::max(2, static_cast<int>(hosts)); }

ChildResult run_ranks_on(const NetworkCheck& network, std::chrono::seconds longest) {
  const int ranks = ranks_that_measure(network.hosts.size());
  MpirunOptions options{
      .num_proc = ranks,
      .hosts = network.hosts,
      .ssh_port = network.ssh_port,
      .network_interface = network.network_interface,
      .environment = network.environment,
      .as_root = ::geteuid() == 0,
      .command = {network.program, "check", fmt::format("--as-rank={}", patience_of_measurement(ranks))}};
  for (Host& host : options.hosts) host.slots = network.hosts.size() == 1 ? 2 : 1;
  options.hosts = named_as_here(options.hosts);
  return ChildProcess(mpirun_command(options), {}).wait(longest);
}

void check_links(const NetworkCheck& network, CheckList& list) {
  const bool one_host = network.hosts.size() == 1;
  const std::string name = one_host ? "two ranks here" : fmt::format("{} hosts", network.hosts.size());
  const auto [failure, remedy, link] = measure_network(network);
  if (!failure.empty()) return list.wrong(name, failure, remedy);
  list.ok(name, link_text(link), {{"latency", link.latency}, {"bandwidth", link.bandwidth}});
}

}  // namespace

std::chrono::seconds longest_measurement(size_t hosts) {
  const auto bytes = static_cast<double>(bytes_of_measurement(ranks_that_measure(hosts)));
  return std::chrono::seconds(std::llround(kStartSeconds + bytes / kSlowestLink));
}

MeasuredNetwork measure_network(const NetworkCheck& network) {
  return measure_network(network, longest_measurement(network.hosts.size()));
}

MeasuredNetwork measure_network(const NetworkCheck& network, std::chrono::seconds longest) {
  const ChildResult result = run_ranks_on(network, longest);
  if (result.exit_code == kKilled && result.seconds >= static_cast<double>(longest.count()))
    return {
        .failure = fmt::format("the measurement was given up after {} s, which links of {:.0f} MB/s would "
                               "not have taken",
                               longest.count(), kSlowestLink / 1e6),
        .remedy = "look at the network between these hosts, or at hosts that are busy"};
  const size_t begin = result.out.find('{'), end = result.out.rfind('}');
  if (result.exit_code != 0 || begin == std::string::npos || end == std::string::npos)
    return {.failure = fmt::format("mpirun with a rank on each ends with exit code {}: {}", result.exit_code,
                                   reason_in(result.err)),
            .remedy = "where hosts have several networks, name one that all share with --network-interface"};
  const nlohmann::json link = parse_json(result.out.substr(begin, end - begin + 1), "measurement");
  return {.link = {.latency = link.at("latency"), .bandwidth = link.at("bandwidth")}};
}

void check_network(const NetworkCheck& network, CheckList& list) {
  list.begin_section("hosts");
  list.attempt("hosts", [&] {
    if (check_each_host(network, list)) check_links(network, list);
  });
}

Link measure_as_rank(Communicator& world) {
  talk_to_all(world);
  return measure_link(world);
}

std::string link_json(const Link& link) {
  return nlohmann::json{{"latency", link.latency}, {"bandwidth", link.bandwidth}}.dump();
}

}  // namespace partialfc
