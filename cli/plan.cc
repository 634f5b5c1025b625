// partialfc plan: what a run will take in memory and time, before it is started.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

#include "cli/command.h"
#include "cli/plan_rates.h"
#include "cli/plan_report.h"
#include "partialfc/base/error.h"
#include "partialfc/base/process_memory.h"
#include "partialfc/data/image_source.h"
#include "partialfc/models/activation_memory.h"
#include "trainer/load_model.h"
#include "trainer/recipe.h"
#include "trainer/recipe_shape.h"

namespace partialfc {

namespace {

constexpr double kGiB = 1 << 30;

struct PlanArguments {
  std::string recipe;
  // In place of the recipe's.
  std::optional<int64_t> classes, dim, global_batch;
  std::optional<double> sample_rate;
  std::optional<std::string> precision, backbone;
  std::vector<int64_t> input;  // height, width, channels
  // What it runs on.
  std::optional<int> ranks, ranks_per_host;
  int threads = 0;
  std::optional<double> memory, program, activation_slack;             // GiB, GiB, share
  std::optional<double> bandwidth, host_bandwidth;                     // GB/s
  std::optional<double> latency, host_latency;                         // us
  std::optional<double> backbone_flops, head_flops, memory_bandwidth;  // GFLOP/s, GB/s
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

// Takes each number from the first that has it, and keeps account of where it came from.
class Inputs {
 public:
  double take(const char* name, const char* unit, double unit_size, std::optional<double> given,
              std::optional<double> measured, double otherwise) {
    const char* source = given ? "given" : measured ? "measured here" : "default";
    const double value = given ? *given * unit_size : measured.value_or(otherwise);
    list_.push_back({name, value / unit_size, unit, source});
    return value;
  }
  std::vector<PlanInput> list() && { return std::move(list_); }

 private:
  std::vector<PlanInput> list_;
};

Machine machine_of(const PlanArguments& a, const std::optional<MeasuredRates>& rates, int ranks,
                   int64_t memory_on_host, Communicator& world, Inputs& inputs) {
  constexpr double kGiga = 1e9, kMicro = 1e-6;
  const auto measured = [&](auto value) -> std::optional<double> {
    return rates ? std::optional<double>(value(*rates)) : std::nullopt;
  };
  const bool one_host = world.ranks_on_host() == world.size();
  const auto link = [&](bool host) -> std::optional<Link> {
    return rates && host == one_host ? rates->link : std::nullopt;
  };
  const auto latency = [&](bool host) {
    return link(host) ? std::optional(link(host)->latency) : std::nullopt;
  };
  const auto bandwidth = [&](bool host) {
    return link(host) ? std::optional(link(host)->bandwidth) : std::nullopt;
  };

  Machine m;
  m.interconnect.ranks_per_host =
      static_cast<int>(inputs.take("ranks_per_host", "", 1, a.ranks_per_host, {},
                                   world.size() > 1 ? world.ranks_on_host() : std::min(ranks, 8)));
  m.backbone_flops = inputs.take("backbone_flops", "GFLOP/s", kGiga, a.backbone_flops,
                                 measured([](const MeasuredRates& r) { return r.backbone_flops; }), 100e9);
  m.head_flops = inputs.take("head_flops", "GFLOP/s", kGiga, a.head_flops,
                             measured([](const MeasuredRates& r) { return r.head_flops; }), 100e9);
  m.memory_bandwidth = inputs.take("memory_bandwidth", "GB/s", kGiga, a.memory_bandwidth,
                                   measured([](const MeasuredRates& r) { return r.memory_bandwidth; }), 10e9);
  m.interconnect.host.latency =
      inputs.take("host_latency", "us", kMicro, a.host_latency, latency(true), 5e-6);
  m.interconnect.host.bandwidth =
      inputs.take("host_bandwidth", "GB/s", kGiga, a.host_bandwidth, bandwidth(true), 5e9);
  m.interconnect.network.latency = inputs.take("latency", "us", kMicro, a.latency, latency(false), 50e-6);
  m.interconnect.network.bandwidth =
      inputs.take("bandwidth", "GB/s", kGiga, a.bandwidth, bandwidth(false), 1.25e9);
  const int sharing = std::min(ranks, m.interconnect.ranks_per_host);
  m.memory_bytes = static_cast<int64_t>(
      inputs.take("memory", "GiB", kGiB, a.memory, static_cast<double>(memory_on_host / sharing), 0));
  const auto program = static_cast<double>(rates ? rates->program_bytes : program_memory());
  m.program_bytes = static_cast<int64_t>(inputs.take("program", "GiB", kGiB, a.program, program, 0));
  m.activation_slack = inputs.take("activation_slack", "", 1, a.activation_slack,
                                   rates ? rates->activation_slack : std::nullopt, kActivationSlack);
  return m;
}

std::vector<std::string> notes_of(const Recipe& recipe) {
  std::vector<std::string> notes;
  if (recipe.head.store == "file") notes.push_back("centers in a file: the disk's time is not in the step");
  if (recipe.data.source == "files") notes.push_back("the time to read and decode images is not in the step");
  return notes;
}

int plan(const PlanArguments& arguments, const std::vector<std::string>& rest) {
  return run_as_rank({}, [&](Communicator& world) {
    const Recipe recipe = recipe_of(arguments, rest);
    const int ranks = arguments.ranks.value_or(world.size());
    Inputs inputs;
    Plan plan{.shape = shape_of(recipe, ranks, threads_for_rank(arguments.threads, world)),
              .backbone = recipe.backbone.name,
              .notes = notes_of(recipe)};
    const int64_t memory_on_host = memory_for_ranks(world.ranks_on_host());
    world.barrier().wait();  // all have looked before the first one measures
    std::optional<MeasuredRates> rates;
    if (arguments.measure) rates = measure_rates(plan.shape, recipe.train.channels_last, world);
    const Machine machine = machine_of(arguments, rates, ranks, memory_on_host, world, inputs);
    if (recipe.train.micro_batches == 0) {
      plan.shape.micro_batches = fewest_micro_batches(plan.shape, machine);
      plan.notes.push_back(fmt::format("train.micro_batches = 0 makes {} of them", plan.shape.micro_batches));
    }
    if (world.rank() != 0) return kDone;
    const int64_t bucket = gradient_bucket_bytes();
    plan.inputs = std::move(inputs).list();
    plan.memory = training_memory(plan.shape, machine);
    plan.memory_limit = machine.memory_bytes;
    plan.step = plan_step(plan.shape, machine, bucket);
    plan.largest_classes = largest_classes(plan.shape, machine);
    plan.paying_rate = paying_sample_rate(plan.shape, machine, bucket);
    if (plan.shape.sample_rate < 1) plan.asked_rate = plan.shape.sample_rate;
    plan.paying_classes = paying_classes(plan.shape, plan.asked_rate, machine, bucket);
    plan.by_ranks = scale_ranks(plan.shape, machine, bucket);
    plan.by_classes = scale_classes(plan.shape, machine, bucket);
    fmt::print("{}", arguments.json ? plan_json(plan) + "\n" : plan_text(plan));
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
  const CLI::Range positive(1e-9, 1e12), not_negative(0.0, 1e12);
  command->add_option("--ranks", a.ranks, "Ranks of the run [mpirun's, or 1]")->check(CLI::Range(1, 1 << 20));
  command->add_option("--ranks-per-host", a.ranks_per_host, "Ranks that share a host's network link")
      ->check(CLI::Range(1, 4096));
  command->add_option("--threads", a.threads, "Threads of a rank; 0: cores / ranks on the host")
      ->check(CLI::Range(0, 4096));
  command->add_option("--memory", a.memory, "GiB that a rank may have [what is available here]")
      ->check(positive);
  command->add_option("--program", a.program, "GiB before training: libtorch, MPI, CUDA")
      ->check(not_negative);
  command
      ->add_option("--activation-slack", a.activation_slack,
                   "What the allocator takes beyond the activations, as a share of them")
      ->check(not_negative);
  command->add_option("--bandwidth", a.bandwidth, "GB/s of a host's network link")->check(positive);
  command->add_option("--latency", a.latency, "us of a message between hosts")->check(not_negative);
  command->add_option("--host-bandwidth", a.host_bandwidth, "GB/s between two ranks of a host")
      ->check(positive);
  command->add_option("--host-latency", a.host_latency, "us of a message inside a host")->check(not_negative);
  command->add_option("--backbone-flops", a.backbone_flops, "GFLOP/s of a rank in the backbone")
      ->check(positive);
  command->add_option("--head-flops", a.head_flops, "GFLOP/s of a rank in the head")->check(positive);
  command->add_option("--memory-bandwidth", a.memory_bandwidth, "GB/s of a rank's memory")->check(positive);
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
    action = [arguments, rest = command->remaining()] { return plan(*arguments, rest); };
  });
}

}  // namespace partialfc
