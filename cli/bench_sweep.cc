// partialfc bench sweep: what a step of the head costs as the number of classes grows.
#include <fmt/format.h>

#include <cstdio>
#include <memory>

#include "cli/bench.h"
#include "measure/head_sweep.h"
#include "partialfc/base/error.h"
#include "partialfc/comm/mpi.h"
#include "partialfc/launch/rank_environment.h"

namespace partialfc {

namespace {

struct SweepArguments {
  HeadSweepOptions options;
  std::string precision = "fp32";
  bool json = false;
};

std::string text_of(const SweepCell& cell) {
  if (cell.state == SweepCell::State::kDoesNotFit) return fmt::format(" {:>22}", "does not fit");
  if (cell.state == SweepCell::State::kFailed) return fmt::format(" {:>22}", "failed");
  return fmt::format(" {:>9.1f}{:>7.0f}{:>6.2f}", 1000 * cell.figures["step_seconds"].get<double>(),
                     cell.figures["samples_per_second"].get<double>(),
                     cell.figures["peak_rss_bytes"].get<double>() / 1e9);
}

// Null where it does not fit, false where it failed.
nlohmann::json json_of(const SweepCell& cell) {
  return cell.state == SweepCell::State::kFailed ? nlohmann::json(false) : cell.figures;
}

void print_heading(const HeadSweepOptions& options) {
  fmt::print("A step of the head: batch {}, dim {}, {}, {} steps a cell, medians\n\n", options.batch,
             options.dim, name_of(options.precision), options.steps);
  fmt::print("{:>9}", "");
  for (const SweepColumn& column : kSweepColumns) fmt::print(" {:>22}", column.name);
  fmt::print("\n{:>9}", "classes");
  for (size_t i = 0; i < kSweepColumns.size(); ++i) fmt::print(" {:>9}{:>7}{:>6}", "ms", "/s", "GB");
  fmt::print("\n");
}

// The table, row by row, or one JSON object. kFailed if a cell failed, whose reason is on standard error then.
int bench_sweep(const SweepArguments& arguments) {
  if (MpiSession::launched_by_mpi())
    fail_usage("bench sweep starts processes of its own: run it without mpirun");
  HeadSweepOptions options = arguments.options;
  options.precision = arguments.precision == "bf16" ? Precision::kBFloat16 : Precision::kFloat32;
  if (!arguments.json) print_heading(options);
  nlohmann::json rows = nlohmann::json::array();
  int exit_code = kDone;
  for (const int64_t classes : sweep_rows(options)) {
    nlohmann::json row = {{"classes", classes}};
    if (!arguments.json) fmt::print("{:>9}", classes);
    for (const SweepColumn& column : kSweepColumns) {
      const SweepCell cell = measure_cell(options, classes, column, own_program());
      if (cell.state == SweepCell::State::kFailed) {
        fmt::print(stderr, "{}", cell.error);
        exit_code = kFailed;
      }
      row[column.name] = json_of(cell);
      if (!arguments.json) fmt::print("{}", text_of(cell));
      std::fflush(stdout);
    }
    if (!arguments.json) fmt::print("\n");
    rows.push_back(std::move(row));
  }
  if (arguments.json) fmt::print("{}\n", nlohmann::json{{"rows", rows}}.dump());
  return exit_code;
}

}  // namespace

void add_bench_sweep_command(CLI::App* bench, Action& action) {
  CLI::App* command = bench->add_subcommand(
      "sweep", "Step time, speed and memory of the head from 125,000 to 100,000,000 classes");
  auto arguments = std::make_shared<SweepArguments>();
  HeadSweepOptions* options = &arguments->options;
  command->add_option("--max-classes", options->max_classes, "Leave out rows of more classes")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{125'000}, int64_t{100'000'000}));
  add_head_shape_options(command, options->batch, options->dim, options->steps, options->threads,
                         arguments->precision);
  command->add_flag("--json", arguments->json, "Print one JSON object to standard output");
  command->footer(
      R"(Three columns: all classes in a step (r = 1) and a tenth (r = 0.1), where centers and momentum fit in
60 % of the available memory; and 20,000 classes in a step, rows coming to life (bench head --cold).
Each cell is a bench head in a process of its own.)");
  command->callback([&action, arguments] { action.run = [arguments] { return bench_sweep(*arguments); }; });
}

}  // namespace partialfc
