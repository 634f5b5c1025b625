// partialfc bench head: what a step of the head costs.
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "cli/bench.h"
#include "cli/head_report.h"
#include "partialfc/base/error.h"
#include "partialfc/comm/mpi.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {

namespace {

struct HeadArguments {
  HeadMeasurementOptions options;
  int64_t samples = 0;  // S; 0: by the sample rate
  int ranks = 1;
  bool ranks_given = false;
  std::string precision = "fp32", device = "cpu";
  bool no_floor = false, json = false;
  std::string store = "memory";
  std::string store_folder = ".";
  double store_memory = 4;
};

// What the options say together: the sample rate and S from one another.
void complete(HeadArguments& arguments) {
  HeadRunOptions& head = arguments.options.head;
  if (arguments.samples > head.classes)
    fail_usage("--samples {}: there are only {} classes", arguments.samples, head.classes);
  const auto classes = static_cast<double>(head.classes);
  if (arguments.samples > 0)
    head.sample_rate = static_cast<double>(arguments.samples) / classes;
  else
    arguments.samples = std::max<int64_t>(1, std::llround(head.sample_rate * classes));
  head.precision = arguments.precision == "bf16" ? Precision::kBFloat16 : Precision::kFloat32;
  arguments.options.floor = !arguments.no_floor;
  head.device = parse_device_name(arguments.device);
  if (head.device.is_gpu && arguments.store == "file") fail_usage("--store file is for --device cpu");
  if (arguments.store == "file")
    head.file_store =
        FileStoreOptions{.folder = arguments.store_folder,
                         .memory_bytes = static_cast<int64_t>(arguments.store_memory * (1 << 30))};
}

int bench_head(const HeadArguments& given) {
  const bool under_mpi = MpiSession::launched_by_mpi();
  const auto body = [&](Communicator& world) {
    if (under_mpi && given.ranks_given)
      fail_usage("--ranks is for mpirun to say, when it starts this program");
    if (under_mpi && given.device != "cpu")
      fail_usage("--device {} is measured in one process: leave out mpirun, say --ranks", given.device);
    HeadArguments arguments = given;
    complete(arguments);
    arguments.options.head.threads = threads_for_rank(given.options.head.threads, world);
    if (arguments.options.head.file_store && world.size() > 1)
      fail_usage("--store file is measured on one rank");
    const HeadFigures figures = measure_head(arguments.options, world, !under_mpi);
    if (world.rank() != 0) return kDone;
    const HeadReport report{arguments.options, arguments.samples, figures};
    fmt::print("{}", arguments.json ? head_json(report) + "\n" : head_text(report));
    return kDone;
  };
  if (under_mpi) return run_as_rank({}, body);
  run_ranks(given.ranks, [&](Communicator& world) { body(world); });
  return kDone;
}

}  // namespace

void add_bench_head_command(CLI::App* bench, Action& action) {
  CLI::App* command = bench->add_subcommand(
      "head", "A step of the head on random features and labels, beside the bare matrix products");
  auto arguments = std::make_shared<HeadArguments>();
  HeadMeasurementOptions& options = arguments->options;
  HeadRunOptions& head = options.head;
  head.threads = 0;
  command->add_option("--classes", head.classes, "Classes (C)")
      ->capture_default_str()
      ->check(CLI::Range(int64_t{1}, int64_t{4'000'000'000}));
  CLI::Option* rate =
      command->add_option("--sample-rate", head.sample_rate, "Share of the classes in a step (r)")
          ->capture_default_str()
          ->check(CLI::Range(1e-9, 1.0));
  command->add_option("--samples", arguments->samples, "Classes in a step (S), in place of --sample-rate")
      ->check(CLI::Range(int64_t{1}, int64_t{4'000'000'000}))
      ->excludes(rate);
  add_head_shape_options(command, head.batch, head.dim, options.steps, head.threads, arguments->precision);
  CLI::Option* ranks =
      command
          ->add_option("--ranks", arguments->ranks, "Ranks, as threads of this process; mpirun has its own")
          ->capture_default_str()
          ->check(CLI::Range(1, 256));
  command->add_option("--device", arguments->device, "cpu, cuda or cuda:i, the GPU of that number")
      ->capture_default_str();
  command->add_flag("--tf32", head.tf32, "cuda: float32 products round their operands to TF32");
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
      R"(The bare products are the three of a step, logits (N, D) x (D, S), U (N, S) x (S, D) and the centers'
gradient (S, N) x (N, D), on contiguous float32 operands and all threads, by the fastest of OpenBLAS and
oneDNN, taken in turn with the steps. Peak memory is that of the process without their operands, of the
largest process under mpirun. Before measuring all rows are touched and 3 steps run; 1 step with --cold.)");
  command->callback([&action, arguments, ranks] {
    arguments->ranks_given = ranks->count() > 0;
    action.run = [arguments] { return bench_head(*arguments); };
  });
}

}  // namespace partialfc
