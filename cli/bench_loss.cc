// partialfc bench loss: what bfloat16 costs in loss.
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "cli/bench.h"
#include "measure/precision_loss.h"
#include "partialfc/base/cores.h"

namespace partialfc {

namespace {

struct LossArguments {
  PrecisionLossOptions options;
  bool json = false;
};

int bench_loss(const LossArguments& arguments) {
  PrecisionLossOptions options = arguments.options;
  if (options.threads == 0) options.threads = usable_cores();
  const PrecisionLoss loss = measure_precision_loss(options);
  if (arguments.json) {
    const nlohmann::json json = {{"features", loss.features},     {"dim", loss.dim},
                                 {"classes", loss.classes},       {"steps", options.steps},
                                 {"batch", options.batch},        {"sample_rate", options.sample_rate},
                                 {"first_loss", loss.first_loss}, {"fp32_loss", loss.fp32_loss},
                                 {"bf16_loss", loss.bf16_loss},   {"difference", loss.difference()}};
    fmt::print("{}\n", json.dump());
    return kDone;
  }
  fmt::print("{} features of {} dimensions, {} classes, {} steps of {}, r = {}\n", loss.features, loss.dim,
             loss.classes, options.steps, options.batch, options.sample_rate);
  fmt::print("loss at first        {:>10.5f}\n", loss.first_loss);
  fmt::print("loss at last, fp32   {:>10.5f}\nloss at last, bf16   {:>10.5f}  {:+.3f} %\n", loss.fp32_loss,
             loss.bf16_loss, 100 * loss.difference());
  return kDone;
}

}  // namespace

void add_bench_loss_command(CLI::App* bench, Action& action) {
  CLI::App* command =
      bench->add_subcommand("loss", "The head's loss in bfloat16 beside float32, on fixed real features");
  auto arguments = std::make_shared<LossArguments>();
  PrecisionLossOptions* options = &arguments->options;
  options->threads = 0;
  command->add_option("features", options->features, "What partialfc embed wrote, without .npy")->required();
  command->add_option("--steps", options->steps, "Steps of each precision")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
  command->add_option("--batch", options->batch, "Samples in a step (N)")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--sample-rate", options->sample_rate, "Share of the classes in a step (r)")
      ->capture_default_str()
      ->check(CLI::Range(1e-9, 1.0));
  command->add_option("--learning-rate", options->learning_rate, "Of the centers")
      ->capture_default_str()
      ->check(CLI::Range(0.0, 1e3));
  command->add_option("--seed", options->seed, "Of batches, classes and first centers")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "0: all cores")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_flag("--json", arguments->json, "Print one JSON object to standard output");
  command->callback([&action, arguments] { action.run = [arguments] { return bench_loss(*arguments); }; });
}

}  // namespace partialfc
