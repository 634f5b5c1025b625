// partialfc launch: starts ranks on one or many hosts, as horovodrun does; mpirun does the work.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <memory>

#include "check/network_check.h"
#include "cli/command.h"
#include "cli/run_mpirun.h"
#include "measure/link_measurement.h"
#include "partialfc/base/error.h"
#include "partialfc/comm/mpi.h"
#include "partialfc/launch/hosts.h"
#include "partialfc/launch/mpirun_command.h"
#include "partialfc/launch/rank_environment.h"
#include "partialfc/launch/restarts.h"
#include "partialfc/launch/shell_quote.h"
#include "partialfc/launch/ssh_check.h"

namespace partialfc {

namespace {

struct LaunchArguments {
  int64_t num_proc = 0;
  std::string hosts, hostfile, network_interface, output_filename;
  int ssh_port = 0;
  std::vector<std::string> environment;
  int max_restarts = 0;
  bool dry_run = false, verbose = false;
};

// The command that each rank runs.
struct Launched {
  std::vector<std::string> words;
  bool is_ours = false;  // partialfc with a subcommand: words[0] is this program's path
};

std::vector<Host> hosts_of(const LaunchArguments& arguments) {
  const std::vector<Host> given = given_hosts(arguments.hosts, arguments.hostfile);
  return given.empty() ? std::vector<Host>{{"localhost", arguments.num_proc}} : given;
}

Launched launched_command(const CLI::App& app, std::vector<std::string> words) {
  if (words.empty())
    fail_usage("no command to launch: write it last, e.g. partialfc launch -np 2 -- train my.toml");
  if (words[0] == "launch") fail_usage("launch cannot start launch: name the ranks' own command");
  const auto has_its_name = [&](const CLI::App* subcommand) { return subcommand->check_name(words[0]); };
  if (app.get_subcommands(has_its_name).empty()) return {words};
  words.insert(words.begin(), own_program());
  return {words, true};
}

// Throws Error with a line for each host on which ranks cannot be started. This one is taken to be well.
void check_other_hosts(const MpirunOptions& options, const Launched& launched, bool verbose) {
  const std::vector<std::string> others = other_hosts(options.hosts);
  // Of ours the worker is asked: it is there, of the same version, and finds its libraries.
  const HostNeeds needs =
      host_needs(launched.is_ours ? worker_program() : launched.words[0],
                 launched.is_ours ? "partialfc " PARTIALFC_VERSION : "", options.environment);
  const std::vector<std::string> failures = check_hosts(others, options.ssh_port, needs);
  if (!failures.empty()) fail("{}", fmt::join(failures, "\n"));
  if (verbose && !others.empty())
    fmt::print(stderr, "launch: ssh and {} are in order on {}\n", needs.program, fmt::join(others, ", "));
}

// Throws Error unless ranks of this program on all hosts can talk to each other.
void check_links(const MpirunOptions& options, bool verbose) {
  const auto [failure, remedy, link] = measure_network({.hosts = options.hosts,
                                                        .ssh_port = options.ssh_port,
                                                        .network_interface = options.network_interface,
                                                        .environment = options.environment,
                                                        .program = own_program()});
  if (!failure.empty()) fail("{}: {}: {}", host_list(options.hosts), failure, remedy);
  if (verbose) fmt::print(stderr, "launch: the hosts reach each other: {}\n", link_text(link));
}

int run_ranks(const std::vector<std::string>& command, int most) {
  RestartOptions options{.most = most,
                         .is_final =
                             [](int exit_code) {
                               return exit_code == kDone || exit_code == kWrongUsage ||
                                      exit_code == kStoppedAfterSaving;
                             },
                         .is_stopped = mpirun_was_asked_to_stop};
  options.on_restart = [&](int exit_code, int restart) {
    fmt::print(stderr, "launch: the ranks ended with exit code {}; restart {} of {} in {} s\n", exit_code,
               restart, most, options.pause.count());
  };
  return run_with_restarts([&] { return run_mpirun(command); }, options);
}

int launch(const LaunchArguments& arguments, const Launched& launched) {
  if (!PARTIALFC_HAS_MPI) require_mpi("launch");
  const bool is_training = launched.is_ours && launched.words[1] == "train";
  if (arguments.max_restarts > 0 && !is_training)
    fail_usage("--max-restarts {}: only train can go on where it failed, not '{}'", arguments.max_restarts,
               launched.words[launched.is_ours ? 1 : 0]);
  MpirunOptions options{.num_proc = arguments.num_proc,
                        .hosts = hosts_of(arguments),
                        .ssh_port = arguments.ssh_port,
                        .network_interface = arguments.network_interface,
                        .environment = rank_environment(arguments.environment),
                        .output_filename = arguments.output_filename,
                        .as_root = ::geteuid() == 0,
                        .command = launched.words};
  if (arguments.max_restarts > 0)
    options.environment.push_back(fmt::format("{}={}", kLaunchVariable, new_launch_id()));
  std::vector<std::string> command = mpirun_command(options);  // throws before any contact
  if (arguments.dry_run) {
    fmt::print("{}\n", shell_line(command));
    return kDone;
  }
  check_other_hosts(options, launched, arguments.verbose);
  if (launched.is_ours && options.hosts.size() > 1) check_links(options, arguments.verbose);
  options.hosts = named_as_here(options.hosts);
  command = mpirun_command(options);
  if (arguments.verbose) fmt::print(stderr, "launch: {}\n", shell_line(command));
  return run_ranks(command, arguments.max_restarts);
}

}  // namespace

std::vector<std::string> take_launched_command(const CLI::App& app, std::vector<std::string>& arguments) {
  if (arguments.empty() || arguments[0] != "launch") return {};
  const CLI::App* command = app.get_subcommand("launch");
  size_t i = 1;
  while (i < arguments.size() && arguments[i].starts_with('-') && arguments[i] != "--") {
    // Long options that begin with one '-', as horovodrun and mpirun have them, CLI11 takes for short ones.
    if (arguments[i] == "-np" || arguments[i] == "-hostfile")
      arguments[i] = arguments[i] == "-np" ? "--num-proc" : "--hostfile";
    const CLI::Option* option = command->get_option_no_throw(arguments[i]);
    i += option != nullptr && option->get_items_expected_max() > 0 ? 2 : 1;
  }
  const auto begin = arguments.begin() + static_cast<ptrdiff_t>(std::min(i, arguments.size()));
  std::vector<std::string> launched(begin, arguments.end());
  arguments.erase(begin, arguments.end());
  if (!launched.empty() && launched[0] == "--") launched.erase(launched.begin());
  return launched;
}

void add_launch_command(CLI::App& app, Action& action, const std::vector<std::string>& launched) {
  CLI::App* command = app.add_subcommand("launch", "Start ranks on one or many hosts, as horovodrun does");
  auto arguments = std::make_shared<LaunchArguments>();
  command->add_option("-n,--num-proc", arguments->num_proc, "Ranks in all; -np too")
      ->required()
      ->check(CLI::Range(1, 1000000));
  command->add_option("-H,--hosts", arguments->hosts, "Hosts and slots, e.g. a:8,b:8 [localhost:RANKS]");
  command->add_option("--hostfile", arguments->hostfile,
                      "A host a line: 'a slots=8' or 'a:8'; -hostfile too");
  command
      ->add_option("-p,--ssh-port", arguments->ssh_port,
                   "Port of sshd on all hosts [that of ssh's configuration]")
      ->check(CLI::Range(1, 65535));
  command->add_option("--network-interface,--network-interfaces", arguments->network_interface,
                      "Interfaces or networks for MPI, e.g. eth0,10.1.0.0/16 [any]");
  command
      ->add_option("-x", arguments->environment,
                   "NAME or NAME=VALUE: a variable for all ranks; may be repeated")
      ->take_all()
      ->allow_extra_args(false);
  command->add_option("--output-filename", arguments->output_filename,
                      "Folder that gets the output of each rank too");
  command
      ->add_option("--max-restarts", arguments->max_restarts,
                   "Start a train that failed again, with --resume, up to so many times")
      ->capture_default_str()
      ->check(CLI::Range(0, 1000000));
  command->add_flag("--dry-run", arguments->dry_run, "Print mpirun's command line; contact no host");
  command->add_flag("--verbose", arguments->verbose, "Tell what was checked, and mpirun's command line");
  command->footer(
      R"(Then the command, after -- or not: a subcommand of partialfc, or any program (bash config.sh).
Other hosts than this one are first asked over ssh, which must not ask for a password; then MPI has to connect
all. Ranks are given PATH, LD_LIBRARY_PATH and variables of CUDA, NCCL, OpenMP and the like; others with -x.)");
  command->callback([&app, &action, &launched, arguments] {
    action = {
        .run = [&app, &launched, arguments] { return launch(*arguments, launched_command(app, launched)); },
        .in_worker = false};
  });
}

}  // namespace partialfc
