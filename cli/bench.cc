// partialfc bench: what a step of the head costs.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/bench_head.h"
#include "cli/bench_io.h"
#include "cli/bench_loss.h"
#include "cli/bench_sweep.h"
#include "cli/command.h"
#include "partialfc/base/error.h"
#include "partialfc/comm/mpi.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {

namespace {

struct HeadArguments {
  BenchHeadOptions options;
  int64_t samples = 0;  // S; 0: by the sample rate
  int ranks = 1;
  bool ranks_given = false;
  std::string precision = "fp32";
  bool no_floor = false, json = false;
  std::string store = "memory";
  std::string store_folder = ".";
  double store_memory = 4;
};

nlohmann::json json_of(const HeadFigures::Floor& floor) {
  nlohmann::json parts = nlohmann::json::object();
  for (int product = 0; product < GemmFloor::kProducts; ++product)
    parts[GemmFloor::kProductNames[product]] = {{"seconds", floor.product_seconds[product]},
                                                {"library", floor.ways[product]}};
  return parts;
}

nlohmann::json json_of(const HeadArguments& arguments, const HeadFigures& figures) {
  const BenchHeadOptions& options = arguments.options;
  nlohmann::json json = {{"classes", options.classes},
                         {"samples", arguments.samples},
                         {"active", figures.active},
                         {"sample_rate", options.sample_rate},
                         {"batch", options.batch},
                         {"dim", options.dim},
                         {"precision", arguments.precision},
                         {"ranks", figures.ranks},
                         {"threads", figures.threads},
                         {"steps", options.steps},
                         {"cold", options.cold},
                         {"step_seconds", figures.step_seconds},
                         {"forward_seconds", figures.forward_seconds},
                         {"update_seconds", figures.update_seconds},
                         {"samples_per_second", static_cast<double>(options.batch) / figures.step_seconds},
                         {"floor_seconds", nullptr},
                         {"over_floor", nullptr},
                         {"collectives_per_step", figures.collectives_per_step},
                         {"bytes_per_step", figures.bytes_per_step},
                         {"peak_rss_bytes", figures.peak_memory}};
  if (figures.floor) {
    json["floor_seconds"] = figures.floor->seconds;
    json["over_floor"] = figures.step_seconds / figures.floor->seconds;
    json["floor_parts"] = json_of(*figures.floor);
  }
  if (figures.out_of_core) {
    const HeadFigures::OutOfCore& bounds = *figures.out_of_core;
    json["memory_step_seconds"] = bounds.memory_step_seconds;
    json["disk_seconds"] = bounds.disk_seconds;
    json["disk_depth"] = bounds.disk_depth;
    json["of_the_bound"] = std::max(bounds.memory_step_seconds, bounds.disk_seconds) / figures.step_seconds;
  }
  if (figures.floor_bf16) {
    json["floor_bf16_seconds"] = figures.floor_bf16->seconds;
    json["floor_bf16_parts"] = json_of(*figures.floor_bf16);
  }
  return json;
}

void print_floor(const char* name, const HeadFigures::Floor& floor) {
  fmt::print("{:<18}{:>12.6f} s\n", name, floor.seconds);
  for (int product = 0; product < GemmFloor::kProducts; ++product)
    fmt::print("  {:<16}{:>12.6f} s  {}\n", GemmFloor::kProductNames[product], floor.product_seconds[product],
               floor.ways[product]);
}

void print_table(const HeadArguments& arguments, const HeadFigures& figures) {
  const BenchHeadOptions& options = arguments.options;
  fmt::print("{} classes, {} active in a step, batch {}, dim {}, {}\n", options.classes, figures.active,
             options.batch, options.dim, arguments.precision);
  fmt::print("{} rank{} x {} thread{}, {} step{}{}; times are medians\n\n", figures.ranks,
             figures.ranks == 1 ? "" : "s", figures.threads, figures.threads == 1 ? "" : "s", options.steps,
             options.steps == 1 ? "" : "s", options.cold ? ", cold" : "");
  fmt::print("{:<18}{:>12.6f} s  {:.0f} samples/s\n", "step", figures.step_seconds,
             static_cast<double>(options.batch) / figures.step_seconds);
  fmt::print("  {:<16}{:>12.6f} s\n  {:<16}{:>12.6f} s\n", "forward", figures.forward_seconds, "update",
             figures.update_seconds);
  if (figures.floor) {
    print_floor("float32 products", *figures.floor);
    fmt::print("{:<18}{:>12.2f} x\n", "step over those", figures.step_seconds / figures.floor->seconds);
  }
  if (figures.floor_bf16) print_floor("bf16 products", *figures.floor_bf16);
  if (figures.out_of_core) {
    const HeadFigures::OutOfCore& bounds = *figures.out_of_core;
    fmt::print("{:<18}{:>12.6f} s\n{:<18}{:>12.6f} s  {} transfers at once\n{:<18}{:>12.0f} %\n", "in memory",
               bounds.memory_step_seconds, "the disk alone", bounds.disk_seconds, bounds.disk_depth,
               "of the slower's speed",
               100 * std::max(bounds.memory_step_seconds, bounds.disk_seconds) / figures.step_seconds);
  }
  fmt::print("{:<18}{:>12.6g}\n{:<18}{:>12.3f} MB\n{:<18}{:>12.1f} MB\n", "collectives a step",
             figures.collectives_per_step, "sent a step", figures.bytes_per_step / 1e6, "peak memory",
             static_cast<double>(figures.peak_memory) / 1e6);
}

// What the options say together: the sample rate and S from one another.
void complete(HeadArguments& arguments) {
  BenchHeadOptions& options = arguments.options;
  if (arguments.samples > options.classes)
    fail_usage("--samples {}: there are only {} classes", arguments.samples, options.classes);
  const auto classes = static_cast<double>(options.classes);
  if (arguments.samples > 0)
    options.sample_rate = static_cast<double>(arguments.samples) / classes;
  else
    arguments.samples = std::max<int64_t>(1, std::llround(options.sample_rate * classes));
  options.precision = arguments.precision == "bf16" ? Precision::kBFloat16 : Precision::kFloat32;
  options.floor = !arguments.no_floor;
  if (arguments.store == "file")
    options.file_store =
        FileStoreOptions{.folder = arguments.store_folder,
                         .memory_bytes = static_cast<int64_t>(arguments.store_memory * (1 << 30))};
}

int bench_head(const HeadArguments& given) {
  const bool under_mpi = MpiSession::launched_by_mpi();
  const auto body = [&](Communicator& world) {
    if (under_mpi && given.ranks_given)
      fail_usage("--ranks is for mpirun to say, when it starts this program");
    HeadArguments arguments = given;
    complete(arguments);
    if (arguments.options.file_store && world.size() > 1) fail_usage("--store file is measured on one rank");
    const HeadFigures figures = measure_head(arguments.options, world, !under_mpi);
    if (world.rank() != 0) return kDone;
    if (arguments.json)
      fmt::print("{}\n", json_of(arguments, figures).dump());
    else
      print_table(arguments, figures);
    return kDone;
  };
  if (under_mpi) return run_as_rank({}, body);
  run_ranks(given.ranks, [&](Communicator& world) { body(world); });
  return kDone;
}

// Options that both have.
void add_shape_options(CLI::App* command, int64_t& batch, int64_t& dim, int64_t& steps, int& threads,
                       std::string& precision) {
  command->add_option("--batch", batch, "Samples in a step, over all ranks (N)")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 20));
  command->add_option("--dim", dim, "Size of an embedding (D)")
      ->capture_default_str()
      ->check(CLI::Range(1, 1 << 16));
  command->add_option("--precision", precision, "fp32 or bf16: of products and stored centers")
      ->capture_default_str()
      ->check(CLI::IsMember({"fp32", "bf16"}));
  command->add_option("--threads", threads, "Threads of a rank; 0: cores / ranks on the host")
      ->capture_default_str()
      ->check(CLI::Range(0, 4096));
  command->add_option("--steps", steps, "Steps that are measured")
      ->capture_default_str()
      ->check(CLI::Range(1, 1000000));
}

void add_head(CLI::App* bench, Action& action) {
  CLI::App* command = bench->add_subcommand(
      "head", "A step of the head on random features and labels, beside the bare matrix products");
  auto arguments = std::make_shared<HeadArguments>();
  BenchHeadOptions& options = arguments->options;
  command->add_option("--classes", options.classes, "Classes (C)")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{4'000'000'000}));
  CLI::Option* rate =
      command->add_option("--sample-rate", options.sample_rate, "Share of the classes in a step (r)")
          ->capture_default_str()
          ->check(CLI::Range(1e-9, 1.0));
  command->add_option("--samples", arguments->samples, "Classes in a step (S), in place of --sample-rate")
      ->check(CLI::Range(int64_t{1}, int64_t{4'000'000'000}))
      ->excludes(rate);
  add_shape_options(command, options.batch, options.dim, options.steps, options.threads,
                    arguments->precision);
  CLI::Option* ranks =
      command
          ->add_option("--ranks", arguments->ranks, "Ranks, as threads of this process; mpirun has its own")
          ->capture_default_str()
          ->check(CLI::Range(1, 256));
  command->add_option("--store", arguments->store, "Where the centers are: memory or file")
      ->capture_default_str()
      ->check(CLI::IsMember({"memory", "file"}));
  command->add_option("--store-folder", arguments->store_folder, "file: folder of its working file")
      ->capture_default_str();
  command->add_option("--store-memory", arguments->store_memory, "file: GiB of rows that it keeps in memory")
      ->capture_default_str()
      ->check(CLI::Range(1e-3, 1e6));
  command->add_flag("--cold", options.cold, "Rows come to life in the steps; else all are touched before");
  command->add_flag("--no-floor", arguments->no_floor, "Leave out the bare products, and their memory");
  command->add_flag("--json", arguments->json, "Print one JSON object to standard output");
  command->footer(
      "The bare products are the three of a step, logits (N, D) x (D, S), U (N, S) x (S, D) "
      "and the centers'\n"
      "gradient (S, N) x (N, D), on contiguous float32 operands and all threads, "
      "by the fastest of OpenBLAS and\n"
      "oneDNN, taken in turn with the steps. Peak memory is that of the process "
      "without their operands, of the\n"
      "largest process under mpirun. Before measuring all rows are touched and 3 steps run; "
      "1 step with --cold.");
  command->callback([&action, arguments, ranks] {
    arguments->ranks_given = ranks->count() > 0;
    action = [arguments] { return bench_head(*arguments); };
  });
}

void add_sweep(CLI::App* bench, Action& action) {
  CLI::App* command = bench->add_subcommand(
      "sweep", "Step time, speed and memory of the head from 125,000 to 100,000,000 classes");
  auto options = std::make_shared<BenchSweepOptions>();
  command->add_option("--max-classes", options->max_classes, "Leave out rows of more classes")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{125'000}, int64_t{100'000'000}));
  add_shape_options(command, options->batch, options->dim, options->steps, options->threads,
                    options->precision);
  command->add_flag("--json", options->json, "Print one JSON object to standard output");
  command->footer(
      "Three columns: all classes in a step (r = 1) and a tenth (r = 0.1), "
      "where centers and momentum fit in\n"
      "60 % of the available memory; and 20,000 classes in a step, rows coming to life (bench head --cold).\n"
      "Each cell is a bench head in a process of its own.");
  command->callback([&action, options] { action = [options] { return bench_sweep(*options); }; });
}

void add_loss(CLI::App* bench, Action& action) {
  CLI::App* command =
      bench->add_subcommand("loss", "The head's loss in bfloat16 beside float32, on fixed real features");
  auto options = std::make_shared<BenchLossOptions>();
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
  command->add_flag("--json", options->json, "Print one JSON object to standard output");
  command->callback([&action, options] { action = [options] { return bench_loss(*options); }; });
}

}  // namespace

void add_bench_command(CLI::App& app, Action& action) {
  CLI::App* command = app.add_subcommand("bench", "Measure the head, or the input, on this machine");
  command->require_subcommand(1);
  add_head(command, action);
  add_sweep(command, action);
  add_loss(command, action);
  add_bench_io_command(command, action);
}

}  // namespace partialfc
