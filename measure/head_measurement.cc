#include "measure/head_measurement.h"

#include <algorithm>
#include <memory>
#include <numeric>
#include <vector>

#include "measure/median.h"
#include "partialfc/base/process_memory.h"

namespace partialfc {

namespace {

template <size_t kColumns>
double median_of(const std::vector<std::array<double, kColumns>>& rows, int column) {
  std::vector<double> values;
  for (const auto& row : rows) values.push_back(row[column]);
  return median(std::move(values));
}

// The floor of one precision and its samples, seen from one rank.
class FloorSamples {
 public:
  // takes_part: this rank measures; a rank that does not only learns the results.
  FloorSamples(const ProductFloorOptions& options, bool takes_part) {
    if (takes_part) floor_ = make_product_floor(options);
  }

  void add(Communicator& world) {
    std::array<double, ProductFloor::kProducts + 1> seconds{};  // the products, and their sum
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
    result.seconds = median_of(samples_, ProductFloor::kProducts);
    for (int product = 0; product < ProductFloor::kProducts; ++product) {
      result.product_seconds[product] = median_of(samples_, product);
      if (floor_) result.ways[product] = floor_->way(product);
    }
    return result;
  }

 private:
  std::unique_ptr<ProductFloor> floor_;
  std::vector<std::array<double, ProductFloor::kProducts + 1>> samples_;
};

int64_t reduced(Communicator& comm, int64_t value, ReduceOp op) {
  comm.all_reduce(std::span(&value, 1), op).wait();
  return value;
}

}  // namespace

HeadFigures measure_head(const HeadMeasurementOptions& options, Communicator& world, bool one_process) {
  HeadFigures figures{.ranks = world.size(), .threads = options.head.threads};
  auto head_run = std::make_unique<HeadRun>(options.head, world);
  HeadRun& run = *head_run;
  if (!options.cold && !options.head.device.is_gpu)
    run.touch_all_rows();  // a GPU draws them all at the start
  std::vector<std::array<double, 3>> times;
  int64_t number = 0;
  const auto step = [&] {
    run.draw_batch(number);
    world.barrier().wait();
    auto seconds = run.step(number++);
    world.all_reduce(std::span<double>(seconds), ReduceOp::kMax).wait();
    return seconds;
  };
  const int64_t warm_up = options.head.file_store ? turn_of_the_memory(options.head) : options.cold ? 1 : 3;
  for (int64_t i = 0; i < warm_up; ++i) step();
  figures.active = reduced(world, run.active(), ReduceOp::kSum);
  const int64_t head_peak = peak_memory();
  if (options.head.device.is_gpu) figures.gpu = run.gpu();

  // From here on the process holds the floor's operands too: what the head still grows by is told apart from them.
  std::optional<FloorSamples> floor, floor_bf16;
  if (options.floor) {
    ProductFloorOptions shape{.batch = options.head.batch,
                              .samples = one_process ? figures.active : run.active(),
                              .dim = options.head.dim,
                              .threads = one_process ? figures.threads * figures.ranks : figures.threads,
                              .device = options.head.device,
                              .tf32 = options.head.tf32};
    const bool takes_part = world.rank() == 0 || !one_process;
    world.barrier().wait();
    floor.emplace(shape, takes_part);
    shape.precision = Precision::kBFloat16;
    if (options.head.precision == Precision::kBFloat16) floor_bf16.emplace(shape, takes_part);
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
  if (options.head.file_store) {
    head_run.reset();
    figures.bounds = measure_store_bounds(options.head, figures.active, options.steps, world);
  }
  return figures;
}

}  // namespace partialfc
