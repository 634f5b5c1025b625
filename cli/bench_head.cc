#include "cli/bench_head.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <numeric>
#include <vector>

#include "cli/command.h"
#include "partialfc/base/error.h"
#include "partialfc/base/process_memory.h"
#include "partialfc/base/random.h"
#include "partialfc/centers/row_pattern.h"
#include "partialfc/head/partial_fc.h"

namespace partialfc {

namespace {

constexpr uint64_t kSeed = 1;
constexpr double kLearningRate = 0.1;

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

template <size_t kColumns>
double median_of(const std::vector<std::array<double, kColumns>>& rows, int column) {
  std::vector<double> values;
  for (const auto& row : rows) values.push_back(row[column]);
  return median(std::move(values));
}

// One rank's head with its random batch.
class HeadRun {
 public:
  HeadRun(const BenchHeadOptions& options, int threads, Communicator& world)
      : head_channel_(world.open_channel("head")),
        team_(threads),
        head_({.num_classes = options.classes,
               .dim = options.dim,
               .max_batch = (options.batch + world.size() - 1) / world.size(),
               .sample_rate = options.sample_rate,
               .seed = kSeed,
               .precision = options.precision,
               .margin = {.name = MarginName::kCosFace},
               .optimizer = {},
               .file_store = options.file_store},
              *head_channel_, team_),
        rows_(part_of(options.batch, world.size(), world.rank())),
        features_(rows_.size(), options.dim),
        gradients_(rows_.size(), options.dim),
        labels_(rows_.size()) {}

  // Brings every row of this rank to life, with all the pages of its record.
  void touch_all_rows() {
    constexpr int64_t kPiece = 1 << 13;
    CenterStore& store = head_.store();
    const Range all = store.positions();
    std::vector<std::byte> records;
    for (int64_t first = all.first; first < all.last; first += kPiece) {
      std::vector<int64_t> positions(std::min(kPiece, all.last - first)), slots(positions.size());
      std::iota(positions.begin(), positions.end(), first);
      store.locate(positions, slots, team_);
      records.resize(slots.size() * store.layout().bytes());
      store.read_records(slots, records, team_);
      store.write_records(slots, records, team_);
    }
  }

  void draw_batch(int64_t step) {
    for (int64_t i = 0; i < rows_.size(); ++i) {
      RandomStream stream(kSeed, Purpose::kSyntheticData, step, rows_.first + i);
      labels_[i] = stream.below(head_.options().num_classes);
      for (int64_t d = 0; d < features_.cols(); ++d) features_(i, d) = static_cast<float>(stream.normal());
    }
  }

  // Seconds of the step, of forward() and of update().
  std::array<double, 3> step(int64_t number) {
    using Clock = std::chrono::steady_clock;
    const auto start = Clock::now();
    const StepResult result = head_.forward(number, features_.view(), labels_, gradients_.view());
    const auto middle = Clock::now();
    head_.update(kLearningRate);
    const auto end = Clock::now();
    if (!result.finite) fail("step {} of the head was not finite", number);
    active_ = result.active;
    return {std::chrono::duration<double>(end - start).count(),
            std::chrono::duration<double>(middle - start).count(),
            std::chrono::duration<double>(end - middle).count()};
  }

  int64_t active() const { return active_; }  // classes of this rank in the last step
  Traffic::Entry traffic() const { return head_channel_->traffic().total(); }

 private:
  std::unique_ptr<Communicator> head_channel_;
  ThreadTeam team_;
  PartialFC head_;
  Range rows_;  // of the global batch
  Matrix<float> features_, gradients_;
  std::vector<int64_t> labels_;
  int64_t active_ = 0;
};

// The floor of one precision and its samples, seen from one rank.
class FloorSamples {
 public:
  // takes_part: this rank measures; a rank that does not only learns the results.
  FloorSamples(const GemmFloorOptions& options, bool takes_part) {
    if (takes_part) floor_ = std::make_unique<GemmFloor>(options);
  }

  void add(Communicator& world) {
    std::array<double, GemmFloor::kProducts + 1> seconds{};  // the products, and their sum
    if (floor_) {
      const auto products = floor_->measure();
      std::copy(products.begin(), products.end(), seconds.begin());
      seconds.back() = std::accumulate(products.begin(), products.end(), 0.0);
    }
    world.all_reduce(std::span<double>(seconds), ReduceOp::kMax).wait();
    samples_.push_back(seconds);
  }

  HeadFigures::Floor figures() const {
    HeadFigures::Floor result;
    result.seconds = median_of(samples_, GemmFloor::kProducts);
    for (int product = 0; product < GemmFloor::kProducts; ++product) {
      result.product_seconds[product] = median_of(samples_, product);
      if (floor_) result.ways[product] = floor_->way(product);
    }
    return result;
  }

 private:
  std::unique_ptr<GemmFloor> floor_;
  std::vector<std::array<double, GemmFloor::kProducts + 1>> samples_;
};

double median_step(HeadRun& run, int64_t warm_up, int64_t steps) {
  std::vector<double> seconds;
  for (int64_t i = 0; i < warm_up + steps; ++i) {
    run.draw_batch(i);
    const double step = run.step(i)[0];
    if (i >= warm_up) seconds.push_back(step);
  }
  return median(std::move(seconds));
}

// What bounds a file store: arithmetic, or the disk.
HeadFigures::OutOfCore measure_bounds(BenchHeadOptions options, int64_t active, int threads,
                                      Communicator& world) {
  const FileStoreOptions file = *options.file_store;
  const int64_t record_bytes = RecordLayout{.dim = options.dim, .precision = options.precision}.bytes();
  const int64_t resident = std::min(options.classes, file.memory_bytes / record_bytes);
  const double missing = 1 - static_cast<double>(resident) / static_cast<double>(options.classes);
  HeadFigures::OutOfCore bounds;
  {
    const RowPattern disk(file.folder, options.classes * record_bytes, record_bytes);
    const auto rows = static_cast<int64_t>(missing * static_cast<double>(active));
    for (const int depth : {16, 32, 64, 128, 256}) {
      std::vector<double> seconds;
      for (int i = 0; i < 5; ++i)
        seconds.push_back(disk.seconds(rows, depth, static_cast<uint64_t>(100 * depth + i)));
      const double typical = median(std::move(seconds));
      if (bounds.disk_depth != 0 && typical >= bounds.disk_seconds) continue;
      bounds.disk_seconds = typical;
      bounds.disk_depth = depth;
    }
  }
  options.file_store.reset();
  options.classes = std::max(resident, active);
  options.sample_rate = static_cast<double>(active) / static_cast<double>(options.classes);
  HeadRun run(options, threads, world);
  run.touch_all_rows();
  bounds.memory_step_seconds = median_step(run, 2, options.steps);
  return bounds;
}

// Steps after which a file store's memory holds what steps have left there, not what touching has.
int64_t turn_of_the_memory(const BenchHeadOptions& options) {
  const int64_t record_bytes = RecordLayout{.dim = options.dim, .precision = options.precision}.bytes();
  const double active = options.sample_rate * static_cast<double>(options.classes);
  return 2 + static_cast<int64_t>(1.4 * static_cast<double>(options.file_store->memory_bytes / record_bytes) /
                                  active);
}

int64_t reduced(Communicator& comm, int64_t value, ReduceOp op) {
  comm.all_reduce(std::span(&value, 1), op).wait();
  return value;
}

}  // namespace

HeadFigures measure_head(const BenchHeadOptions& options, Communicator& world, bool one_process) {
  HeadFigures figures{.ranks = world.size(), .threads = threads_for_rank(options.threads, world)};
  auto head_run = std::make_unique<HeadRun>(options, figures.threads, world);
  HeadRun& run = *head_run;
  if (!options.cold) run.touch_all_rows();
  std::vector<std::array<double, 3>> times;
  int64_t number = 0;
  const auto step = [&] {
    run.draw_batch(number);
    world.barrier().wait();
    auto seconds = run.step(number++);
    world.all_reduce(std::span<double>(seconds), ReduceOp::kMax).wait();
    return seconds;
  };
  const int64_t warm_up = options.file_store ? turn_of_the_memory(options) : options.cold ? 1 : 3;
  for (int64_t i = 0; i < warm_up; ++i) step();
  figures.active = reduced(world, run.active(), ReduceOp::kSum);
  const int64_t head_peak = peak_memory();

  // From here on the process holds the floor's operands too: what the head still grows by is told apart from them.
  std::optional<FloorSamples> floor, floor_bf16;
  if (options.floor) {
    GemmFloorOptions shape{.batch = options.batch,
                           .samples = one_process ? figures.active : run.active(),
                           .dim = options.dim,
                           .threads = one_process ? figures.threads * figures.ranks : figures.threads};
    const bool takes_part = world.rank() == 0 || !one_process;
    world.barrier().wait();
    floor.emplace(shape, takes_part);
    shape.precision = Precision::kBFloat16;
    if (options.precision == Precision::kBFloat16) floor_bf16.emplace(shape, takes_part);
  }
  const int64_t resident_before = resident_memory();
  const Traffic::Entry traffic_before = run.traffic();
  for (int64_t i = 0; i < options.steps; ++i) {
    times.push_back(step());
    if (floor) floor->add(world);
    if (floor_bf16) floor_bf16->add(world);
  }
  const Traffic::Entry traffic = run.traffic();
  const auto steps = static_cast<double>(options.steps);
  figures.collectives_per_step = static_cast<double>(traffic.calls - traffic_before.calls) / steps;
  figures.bytes_per_step = static_cast<double>(traffic.bytes - traffic_before.bytes) / steps;
  const int64_t peak =
      floor ? head_peak + std::max<int64_t>(0, resident_memory() - resident_before) : peak_memory();
  figures.peak_memory = reduced(world, peak, ReduceOp::kMax);
  figures.step_seconds = median_of(times, 0);
  figures.forward_seconds = median_of(times, 1);
  figures.update_seconds = median_of(times, 2);
  if (floor) figures.floor = floor->figures();
  if (floor_bf16) figures.floor_bf16 = floor_bf16->figures();
  if (options.file_store) {
    head_run.reset();
    figures.out_of_core = measure_bounds(options, figures.active, figures.threads, world);
  }
  return figures;
}

}  // namespace partialfc
