// What the subcommands share: how one is registered, and how it runs on ranks.
#pragma once

#include <CLI/CLI.hpp>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "cli/exit_codes.h"
#include "partialfc/comm/communicator.h"

namespace partialfc {

// The chosen subcommand, set by its CLI11 callback.
struct Action {
  std::function<int()> run;
  bool in_worker = true;  // it needs libtorch or MPI
};

// The program that has libtorch and MPI: its path.
std::string worker_program();

// Runs it: here, or in the program that has what it needs, which takes this one's place (front.cc, worker.cc).
int go_on(const Action& action, char** argv);

// libtorch's OpenMP threads wait for work by spinning for milliseconds, on cores that the head's and the loader's
// threads want: on two cores that made training 20 times slower. OpenMP reads its environment before main(), so this holds
// for programs that are started from here on. False where somebody has set it, who knows better.
bool limit_openmp_spinning();

void add_train_command(CLI::App& app, Action& action);
void add_pack_command(CLI::App& app, Action& action);
void add_verify_command(CLI::App& app, Action& action);
void add_embed_command(CLI::App& app, Action& action);
void add_bench_command(CLI::App& app, Action& action);
void add_cache_command(CLI::App& app, Action& action);
void add_plan_command(CLI::App& app, Action& action);
void add_check_command(CLI::App& app, Action& action);

// launch's own options end where the command begins that it starts: `--` or the first word that is no option. main()
// takes that command away from `arguments`, the program's, for CLI11 would read options into it.
std::vector<std::string> take_launched_command(const CLI::App& app, std::vector<std::string>& arguments);
void add_launch_command(CLI::App& app, Action& action, const std::vector<std::string>& launched);

// How long a rank bears with another, in seconds.
struct Patience {
  double timeout = 600;  // with one that is late
  double heartbeat =
      30;  // with one that is not heard of: dead, stopped, cut off; 0: as long as with a late one
};

// Runs body as one rank: of mpirun's or srun's world where they started this process, else alone. An error is printed
// once, ends all ranks, and becomes the exit code; where the other ranks are out of reach, this one ends all the same.
int run_as_rank(const Patience& patience, const std::function<int(Communicator&)>& body);

// Runs body and turns an exception into a line on standard error and an exit code.
int report_errors(const std::function<int()>& body);

// "--key.sub=value" → "key.sub=value": what CLI11 did not know has to be overrides of the recipe.
std::vector<std::string> recipe_overrides(const std::vector<std::string>& arguments);

// The run's folder: `asked_for`, or, where that is empty, runs/NAME of the recipe.
std::filesystem::path output_folder(const std::filesystem::path& recipe, const std::string& asked_for);

// Threads for this rank: `wanted`, or, where that is 0, the host's cores divided by the ranks on it, as far as the rank
// may run on them: mpirun binds a rank to one core where there are two or fewer, of which rank 0 warns.
int threads_for_rank(int wanted, const Communicator& comm);

}  // namespace partialfc
