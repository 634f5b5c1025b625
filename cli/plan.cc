// partialfc plan: what a run will take in memory and time, before it is started.
#include <fmt/format.h>

#include <array>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/plan_report.h"
#include "measure/training_rates.h"
#include "partialfc/base/error.h"
#include "partialfc/comm/mpi.h"
#include "trainer/gradient_bucket.h"
#include "trainer/recipe.h"
#include "trainer/recipe_shape.h"

namespace partialfc {

namespace {

struct PlanArguments {
  std::string recipe;
  // In place of the recipe's.
  std::optional<int64_t> classes, dim, global_batch;
  std::optional<double> sample_rate;
  std::optional<std::string> precision, backbone;
  std::vector<int64_t> input;  // height, width, channels
  // What it runs on.
  std::optional<int> ranks;
  GivenMachine machine;
  int threads = 0;
  bool measure = false, json = false;
};

// The recipe with the options' values in it. Without a recipe: the defaults, on synthetic data.
Recipe recipe_of(const PlanArguments& a, const std::vector<std::string>& rest) {
  std::vector<std::string> overrides = recipe_overrides(rest);
  const auto set = [&](const char* key, const auto& value) {
    if (value) overrides.push_back(fmt::format("{}={}", key, *value));
  };
  set("data.classes", a.classes);
  set("backbone.embedding", a.dim);
  set("train.global_batch", a.global_batch);
  set("head.sample_rate", a.sample_rate);
  set("head.precision", a.precision);
  set("train.precision", a.precision);
  set("backbone.name", a.backbone);
  const std::array<const char*, 3> sides = {"data.height", "data.width", "data.channels"};
  for (size_t i = 0; i < a.input.size(); ++i) overrides.push_back(fmt::format("{}={}", sides[i], a.input[i]));
  if (!a.recipe.empty()) return read_recipe(a.recipe, overrides);
  if (!a.classes) fail_usage("plan needs a recipe, or --classes");
  const std::string defaults = "data = { source = \"synthetic\" }\ntrain = { steps = 1000000 }\n";
  return parse_recipe(defaults, "plan", ".", overrides);
}

std::vector<std::string> notes_of(const Recipe& recipe) {
  std::vector<std::string> notes;
  if (recipe.head.store == "file") notes.push_back("centers in a file: the disk's time is not in the step");
  if (recipe.data.source == "files") notes.push_back("the time to read and decode images is not in the step");
  if (recipe.train.device.starts_with("cuda"))
    notes.push_back("centers on GPUs: their memory is not in the plan, and the head's time is that of CPUs");
  return notes;
}

int plan(const PlanArguments& arguments, const std::vector<std::string>& rest) {
  return run_as_rank({}, [&](Communicator& world) {
    const Recipe recipe = recipe_of(arguments, rest);
    const int ranks = arguments.ranks.value_or(world.size());
    TrainingShape shape = shape_of(recipe, ranks, threads_for_rank(arguments.threads, world));
    const KnownMachine known{.ranks = ranks,
                             .world = world.size(),
                             .world_on_host = world.ranks_on_host(),
                             .memory_on_host = memory_for_ranks(world.ranks_on_host()),
                             .program_bytes = program_memory()};
    world.barrier().wait();  // all have looked before the first one measures
    std::optional<MeasuredRates> rates;
    if (arguments.measure) rates = measure_rates(shape, recipe.train.channels_last, world);
    if (world.rank() != 0) return kDone;
    const MachineInputs inputs = machine_inputs(arguments.machine, rates, known);
    std::vector<std::string> notes = notes_of(recipe);
    if (recipe.train.micro_batches == 0) {
      shape.micro_batches = fewest_micro_batches(shape, inputs.machine);
      notes.push_back(fmt::format("train.micro_batches = 0 makes {} of them", shape.micro_batches));
    }
    const PlanReport report{.backbone = recipe.backbone.name,
                            .inputs = inputs.list,
                            .notes = std::move(notes),
                            .plan = make_plan(shape, inputs.machine, kGradientBucketBytes)};
    fmt::print("{}", arguments.json ? plan_json(report) + "\n" : plan_text(report));
    return kDone;
  });
}

void add_shape_options(CLI::App* command, PlanArguments& a) {
  const CLI::Range classes(int64_t{1}, int64_t{1'000'000'000'000});
  command->add_option("recipe", a.recipe, "A recipe, a TOML file; without one: its defaults");
  command->add_option("--classes", a.classes, "Classes; in place of data.classes")->check(classes);
  command->add_option("--dim", a.dim, "Size of an embedding; of backbone.embedding")
      ->check(CLI::Range(1, 65536));
  command
      ->add_option("--global-batch", a.global_batch,
                   "Samples of a step over all ranks; of train.global_batch")
      ->check(CLI::Range(2, 1 << 24));
  command->add_option("--sample-rate", a.sample_rate, "Share of the classes in a step; of head.sample_rate")
      ->check(CLI::Range(1e-12, 1.0));
  command->add_option("--precision", a.precision, "fp32 or bf16; of head.precision and train.precision")
      ->check(CLI::IsMember({"fp32", "bf16"}));
  command->add_option("--backbone", a.backbone, "Its name; of backbone.name");
  command->add_option("--input", a.input, "HEIGHTxWIDTHxCHANNELS of an image; of data.height, …")
      ->delimiter('x')
      ->expected(3);
}

void add_machine_options(CLI::App* command, PlanArguments& a) {
  GivenMachine& machine = a.machine;
  const CLI::Range positive(1e-9, 1e12), not_negative(0.0, 1e12);
  command->add_option("--ranks", a.ranks, "Ranks of the run [mpirun's, or 1]")->check(CLI::Range(1, 1 << 20));
  command->add_option("--ranks-per-host", machine.ranks_per_host, "Ranks that share a host's network link")
      ->check(CLI::Range(1, 4096));
  command->add_option("--threads", a.threads, "Threads of a rank; 0: cores / ranks on the host")
      ->check(CLI::Range(0, 4096));
  command->add_option("--memory", machine.memory, "GiB that a rank may have [what is available here]")
      ->check(positive);
  command->add_option("--program", machine.program, "GiB before training: libtorch, MPI, CUDA")
      ->check(not_negative);
  command
      ->add_option("--activation-slack", machine.activation_slack,
                   "What the allocator takes beyond the activations, as a share of them")
      ->check(not_negative);
  command->add_option("--bandwidth", machine.bandwidth, "GB/s of a host's network link")->check(positive);
  command->add_option("--latency", machine.latency, "us of a message between hosts")->check(not_negative);
  command->add_option("--host-bandwidth", machine.host_bandwidth, "GB/s between two ranks of a host")
      ->check(positive);
  command->add_option("--host-latency", machine.host_latency, "us of a message inside a host")
      ->check(not_negative);
  command->add_option("--backbone-flops", machine.backbone_flops, "GFLOP/s of a rank in the backbone")
      ->check(positive);
  command->add_option("--head-flops", machine.head_flops, "GFLOP/s of a rank in the head")->check(positive);
  command->add_option("--memory-bandwidth", machine.memory_bandwidth, "GB/s of a rank's memory")
      ->check(positive);
  command->add_flag("--measure", a.measure,
                    "Measure here what is not given: some seconds; also under mpirun");
}

}  // namespace

void add_plan_command(CLI::App& app, Action& action) {
  CLI::App* command =
      app.add_subcommand("plan", "Memory and time of a run before it is started, and how it scales");
  auto arguments = std::make_shared<PlanArguments>();
  add_shape_options(command, *arguments);
  add_machine_options(command, *arguments);
  command->add_flag("--json", arguments->json, "Print one JSON object to standard output");
  command->allow_extras();
  command->footer(
      "Further keys of the recipe: --key.sub=value, as of train. What the numbers are made of:\n"
      "docs/planning.md.");
  command->callback([&action, arguments, command] {
    action = {.run = [arguments, rest = command->remaining()] { return plan(*arguments, rest); },
              .in_worker = arguments->measure || MpiSession::launched_by_mpi()};
  });
}

}  // namespace partialfc
