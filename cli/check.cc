// partialfc check: what is here, on other hosts, and in a recipe, before anything is trained.
#include <fmt/format.h>

#include <memory>

#include "check/check_list.h"
#include "check/machine_check.h"
#include "check/network_check.h"
#include "check/recipe_check.h"
#include "cli/command.h"
#include "partialfc/base/error.h"
#include "partialfc/comm/mpi.h"
#include "partialfc/launch/rank_environment.h"
#include "trainer/recipe_shape.h"

namespace partialfc {

namespace {

struct CheckArguments {
  std::string recipe, output, hosts, hostfile, network_interface;
  int ssh_port = 0;
  int64_t num_proc = 0;
  bool json = false;
  double as_rank = 0;  // seconds that a rank waits for another; 0: this is no rank
};

// Ranks fill one host after the other, as launch has it.
int ranks_on_this_host(const std::vector<Host>& hosts, int64_t ranks) {
  if (hosts.empty()) return static_cast<int>(ranks);
  int64_t here = 0, left = ranks;
  for (const Host& host : hosts) {
    const int64_t on_host = std::min(left, host.slots);
    left -= on_host;
    if (is_this_host(host.name)) here += on_host;
  }
  return static_cast<int>(std::max<int64_t>(1, here));
}

RecipeCheck recipe_check(const CheckArguments& arguments, const std::vector<Host>& hosts,
                         const std::vector<std::string>& rest) {
  const int64_t slots = hosts.empty() ? 1 : slots_of(hosts);
  const int64_t ranks = arguments.num_proc > 0 ? arguments.num_proc : slots;
  if (!hosts.empty() && ranks > slots)
    fail_usage("-n {} asks for {} ranks, but {} has {} slots", ranks, ranks, host_list(hosts), slots);
  const int ranks_here = ranks_on_this_host(hosts, ranks);
  return {.recipe = arguments.recipe,
          .overrides = recipe_overrides(rest),
          .output = output_folder(arguments.recipe, arguments.output),
          .ranks = static_cast<int>(ranks),
          .ranks_here = ranks_here,
          .machine = memory_of_rank(1, ranks_here)};
}

int check(const CheckArguments& arguments, const std::vector<std::string>& rest) {
  if (arguments.as_rank > 0)
    return run_as_rank({.timeout = arguments.as_rank}, [](Communicator& world) {
      const Link link = measure_as_rank(world);
      if (world.rank() == 0) fmt::print("{}\n", link_json(link));
      return kDone;
    });
  if (MpiSession::launched_by_mpi())
    fail_usage("check starts ranks itself: run it without mpirun or srun, with --hosts for several hosts");
  if (arguments.recipe.empty() && !rest.empty()) fail_usage("'{}' is not understood", rest[0]);
  const std::vector<Host> hosts = given_hosts(arguments.hosts, arguments.hostfile);
  RecipeCheck recipe;
  if (!arguments.recipe.empty()) recipe = recipe_check(arguments, hosts, rest);
  if (!hosts.empty()) require_mpi("check of hosts");
  CheckList list;
  check_machine(list);
  if (!hosts.empty())
    check_network({.hosts = hosts,
                   .ssh_port = arguments.ssh_port,
                   .network_interface = arguments.network_interface,
                   .environment = rank_environment(),
                   .program = own_program()},
                  list);
  if (!arguments.recipe.empty()) check_recipe(recipe, list);
  fmt::print("{}", arguments.json ? check_json(list) : check_text(list));
  return list.wrong_lines() == 0 ? kDone : kFailed;
}

}  // namespace

void add_check_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand(
      "check", "What is installed here, whether hosts can be used, whether a recipe can run");
  auto arguments = std::make_shared<CheckArguments>();
  command->add_option("recipe", arguments->recipe, "A recipe, a TOML file, to be checked too");
  command->add_option("-o,--output", arguments->output, "The folder of its run [runs/NAME of the recipe]");
  command->add_option("-n,--num-proc", arguments->num_proc, "Ranks of its run [slots of the hosts, or 1]")
      ->check(CLI::Range(1, 1000000));
  command->add_option("-H,--hosts", arguments->hosts, "Hosts to be checked too, e.g. a:8,b:8 or localhost:2");
  command->add_option("--hostfile", arguments->hostfile, "A host a line: 'a slots=8' or 'a:8'");
  command->add_option("-p,--ssh-port", arguments->ssh_port, "Port of sshd on all hosts")
      ->check(CLI::Range(1, 65535));
  command->add_option("--network-interface,--network-interfaces", arguments->network_interface,
                      "Interfaces or networks for MPI, e.g. eth0,10.1.0.0/16 [any]");
  command->add_flag("--json", arguments->json, "Print one JSON object to standard output");
  command->add_option("--as-rank", arguments->as_rank)->group("");  // what check itself starts under mpirun
  command->allow_extras();
  command->footer(
      R"(Further keys of the recipe: --key.sub=value, as of train. Exit code 0: nothing is wrong; 1: something is.
What each line means: docs/checking.md.)");
  command->callback([&action, arguments, command] {
    action.run = [arguments, rest = command->remaining()] { return check(*arguments, rest); };
  });
}

}  // namespace partialfc
