// partialfc train: trains a recipe.
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cli/command.h"
#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/base/trace.h"
#include "partialfc/comm/agreement.h"
#include "partialfc/comm/gather_texts.h"
#include "partialfc/launch/rank_environment.h"
#include "trainer/recipe.h"
#include "trainer/train.h"

namespace partialfc {

namespace {

std::atomic<bool> stop_requested = false;
static_assert(std::atomic<bool>::is_always_lock_free);  // so that a signal handler may set it

// The first signal asks the run to save and stop; a second one ends it at once.
extern "C" void request_stop(int signal_number) {
  stop_requested = true;
  std::signal(signal_number, SIG_DFL);
}

struct TrainArguments {
  std::string recipe, output, trace;
  bool resume = false, overwrite = false;
  int threads = 0;
  Patience patience;
  std::string precision;
};

// A run writes the recipe as it was resolved to its folder: never over the one that a person wrote.
void refuse_to_replace_recipe(const std::filesystem::path& recipe, const std::filesystem::path& output) {
  std::error_code ignored;  // a file that is not there is not the other one
  if (std::filesystem::equivalent(recipe, output / kRecipeFile, ignored))
    fail_usage(
        "{}: the run would replace its recipe, as it keeps its own {} in {}: "
        "rename or move the recipe, or name another --output",
        recipe.string(), kRecipeFile, output.string());
}

// The trace of this run, if it is to have one; its file is empty until the end, and is there to show that it can be
// written.
std::unique_ptr<Trace> begin_trace(const std::filesystem::path& path, const Communicator& world) {
  if (path.empty()) return nullptr;
  if (world.rank() == 0) write_file_atomically(path, trace_file({}));
  return std::make_unique<Trace>(Trace::kMostEvents / world.size());
}

// Collective: rank 0 writes what all ranks recorded.
void write_trace(const Trace& trace, const std::filesystem::path& path, Communicator& world) {
  std::array<int64_t, 1> origin = {trace.began()};
  world.all_reduce(std::span<int64_t>(origin), ReduceOp::kMin).wait();
  const std::vector<std::string> events = gather_texts(world, trace.events(origin[0]));
  if (world.rank() == 0) write_file_atomically(path, trace_file(events));
}

// After an error the ranks do not meet any more: each that still can writes what it recorded itself, rank 0 to the
// trace's file and the others beside it.
void write_own_trace(const Trace& trace, const std::filesystem::path& path, int rank) {
  std::filesystem::path own = path;
  if (rank > 0) own.replace_extension(fmt::format(".rank-{}{}", rank, path.extension().string()));
  try {
    write_file_atomically(own, trace_file(std::vector{trace.events(trace.began())}));
    fmt::print(stderr, "what rank {} recorded before the error is in {}\n", rank, own.string());
  } catch (const Error&) {
    // The run's own error is what has to be told.
  }
}

int train_recipe(const TrainArguments& arguments, const std::vector<std::string>& rest) {
  if (arguments.resume && arguments.overwrite) fail_usage("--resume and --overwrite exclude each other");
  for (const int signal_number : {SIGINT, SIGTERM, SIGUSR1}) std::signal(signal_number, request_stop);
  return run_as_rank(arguments.patience, [&](Communicator& world) {
    std::vector<std::string> overrides = recipe_overrides(rest);
    if (!arguments.precision.empty()) overrides.push_back("train.precision=" + arguments.precision);
    const Recipe recipe = read_recipe(arguments.recipe, overrides);
    const std::filesystem::path output = output_folder(arguments.recipe, arguments.output);
    require_agreement(
        world,
        std::vector<NamedValue>{{"--trace", arguments.trace.empty() ? "not given" : "given"},
                                {"--heartbeat", fmt::format("{}", arguments.patience.heartbeat)}},
        "give all ranks the same options");
    const std::string launch_id = variable_or_empty(kLaunchVariable);
    const StartMode asked_for = arguments.resume      ? StartMode::kResume
                                : arguments.overwrite ? StartMode::kOverwrite
                                                      : StartMode::kNew;
    const RunStart start = start_after_failure(output, launch_id, asked_for, world);
    if (start.mode != StartMode::kResume && world.rank() == 0)
      refuse_to_replace_recipe(arguments.recipe, output);
    const std::unique_ptr<Trace> trace = begin_trace(arguments.trace, world);
    auto outcome = TrainOutcome::kFinished;
    try {
      outcome = train(recipe, world,
                      {.output = output,
                       .start = start.mode,
                       .latest = start.latest,
                       .launch_id = launch_id,
                       .threads = threads_for_rank(arguments.threads, world),
                       .stop = &stop_requested});
      if (trace) write_trace(*trace, arguments.trace, world);
    } catch (...) {
      if (trace) write_own_trace(*trace, arguments.trace, world.rank());
      throw;
    }
    return outcome == TrainOutcome::kFinished ? kDone : kStoppedAfterSaving;
  });
}

}  // namespace

void add_train_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("train", "Train a model from a recipe, alone or under mpirun");
  auto arguments = std::make_shared<TrainArguments>();
  command->add_option("recipe", arguments->recipe, "The recipe, a TOML file")->required();
  command->add_option("-o,--output", arguments->output, "The run's folder [runs/NAME of the recipe]");
  command->add_flag("--resume", arguments->resume,
                    "Go on from the newest checkpoint, on any number of ranks");
  command->add_flag("--overwrite", arguments->overwrite, "Replace the run that the folder holds");
  command->add_option("--threads", arguments->threads, "Threads of a rank; 0: cores / ranks on the host")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_option("--timeout", arguments->patience.timeout, "Seconds to wait for a late rank")
      ->capture_default_str()
      ->check(CLI::Range(0.001, 1e9));
  command
      ->add_option(
          "--heartbeat", arguments->patience.heartbeat,
          "Seconds after which a rank that is not heard of, even by its progress thread, is taken for lost; "
          "at least 1, or 0: never")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e9));
  command->add_option("--precision", arguments->precision, "fp32, bf16 or auto: in place of train.precision");
  command->add_option("--trace", arguments->trace,
                      "Write what each thread did when, for chrome://tracing or ui.perfetto.dev");
  const auto print_recipe_page = [] {
    fmt::print("{}", recipe_page());
    throw CLI::Success();
  };
  command->add_flag_callback("--help-recipe", print_recipe_page, "Print docs/recipe.md")->group("");
  command->allow_extras();
  command->footer("Overrides: --key.sub=value, for each key of the recipe (its default, what it means):\n\n" +
                  recipe_help());
  command->callback([&action, arguments, command] {
    action.run = [arguments, rest = command->remaining()] { return train_recipe(*arguments, rest); };
  });
}

}  // namespace partialfc
