#include "cli/check_network.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "cli/command.h"
#include "cli/measure_link.h"
#include "cli/rank_start.h"
#include "partialfc/base/error.h"
#include "partialfc/formats/json.h"
#include "partialfc/launch/mpirun_command.h"
#include "partialfc/launch/ssh_check.h"

namespace partialfc {

namespace {

constexpr double kRankTimeout = 30;  // seconds that a rank waits for another
constexpr std::chrono::seconds kLongestMeasurement(90);

// check_hosts() begins a line with the host's name, then its port or a colon.
bool is_about(const std::string& failure, const std::string& host) {
  return failure.starts_with(host + ":") || failure.starts_with(host + " port ");
}

// Returns whether ranks can be started on all hosts.
bool check_each_host(const NetworkCheck& network, CheckList& list) {
  std::vector<std::string> others;
  for (const Host& host : network.hosts)
    if (!is_this_host(host.name)) others.push_back(host.name);
  const std::vector<std::string> failures =
      check_hosts(others, network.ssh_port, host_needs(own_program(), true));
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

ChildResult run_ranks_on(const NetworkCheck& network) {
  MpirunOptions options{.num_proc = std::max<int64_t>(2, std::ssize(network.hosts)),
                        .hosts = network.hosts,
                        .ssh_port = network.ssh_port,
                        .network_interface = network.network_interface,
                        .environment = network.environment,
                        .as_root = ::geteuid() == 0,
                        .command = {own_program(), "check", "--as-rank"}};
  for (Host& host : options.hosts) host.slots = network.hosts.size() == 1 ? 2 : 1;
  return ChildProcess(mpirun_command(options), {}).wait(kLongestMeasurement);
}

void check_links(const NetworkCheck& network, CheckList& list) {
  const bool one_host = network.hosts.size() == 1;
  const std::string name = one_host ? "two ranks here" : fmt::format("{} hosts", network.hosts.size());
  const auto [failure, remedy, link] = measure_network(network);
  if (!failure.empty()) return list.wrong(name, failure, remedy);
  list.ok(name, link_text(link), {{"latency", link.latency}, {"bandwidth", link.bandwidth}});
}

// Each rank hands a number to every other one: reduce_scatter is an exchange in pairs. A hole in the network shows here.
void talk_to_all(Communicator& world) {
  const std::vector<float> numbers(world.size(), 1.0f);
  float sum = 0;
  world.reduce_scatter(std::span<const float>(numbers), std::span(&sum, 1), ReduceOp::kSum).wait();
}

}  // namespace

MeasuredNetwork measure_network(const NetworkCheck& network) {
  const ChildResult result = run_ranks_on(network);
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

int measure_as_rank() {
  return run_as_rank({.timeout = kRankTimeout}, [](Communicator& world) {
    talk_to_all(world);
    const Link link = measure_link(world);
    if (world.rank() == 0)
      fmt::print("{}\n", nlohmann::json{{"latency", link.latency}, {"bandwidth", link.bandwidth}}.dump());
    return kDone;
  });
}

}  // namespace partialfc
