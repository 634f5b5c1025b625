#include "measure/training_rates.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "measure/head_measurement.h"
#include "measure/link_measurement.h"
#include "partialfc/base/process_memory.h"
#include "partialfc/models/activation_memory.h"
#include "partialfc/plan/step_model.h"
#include "trainer/backbone_pass.h"
#include "trainer/torch_runtime.h"

namespace partialfc {

namespace {

double reduced(Communicator& world, double value, ReduceOp op) {
  world.all_reduce(std::span(&value, 1), op).wait();
  return value;
}

void measure_backbone(const TrainingShape& shape, bool channels_last, Communicator& world,
                      MeasuredRates& rates) {
  constexpr double kBudget = 2;   // seconds of a pass
  constexpr int64_t kFew = 2;     // BatchNorm needs two rows
  constexpr int64_t kEnough = 4;  // times kFew, to tell the slack
  set_torch_threads(shape.threads);
  BackbonePass pass(shape.backbone, shape.backbone_precision, channels_last);
  pass.run(kFew);
  const double few_seconds = median_seconds(world, 1, [&] { pass.run(kFew); });
  const int64_t resident_with_few = resident_memory();
  const auto affordable = static_cast<int64_t>(kFew * kBudget / few_seconds);
  const int64_t images = std::clamp(affordable, kFew, std::max(kFew, shape.micro_batch()));
  pass.run(images);
  const double seconds = median_seconds(world, 3, [&] { pass.run(images); });
  rates.backbone_flops =
      3 * static_cast<double>(shape.backbone.forward_flops()) * static_cast<double>(images) / seconds;

  const auto activations = [&](int64_t batch) {
    return activation_memory(shape.backbone, batch, shape.backbone_precision);
  };
  const ActivationMemory few = activations(kFew), all = activations(images);
  if (images >= kEnough * kFew) {
    const auto beyond = static_cast<double>(resident_memory() - resident_with_few - (all.peak - few.peak));
    // Steps after these leave more holes: never less than the default.
    rates.activation_slack = reduced(
        world, std::max(kActivationSlack, beyond / static_cast<double>(all.kept - few.kept)), ReduceOp::kMax);
  }
  const int64_t parameters = 2 * shape.backbone.parameter_count() * int64_t{sizeof(float)};
  rates.program_bytes = static_cast<int64_t>(
      reduced(world, static_cast<double>(resident_with_few - parameters - few.peak), ReduceOp::kMax));
}

// Few enough classes that a step takes a fraction of a second, and rows enough that they do not stay in the cache.
TrainingShape shape_to_measure(const TrainingShape& shape, int ranks) {
  constexpr double kFlops = 4e10;        // of a rank's step
  constexpr double kMostRows = 100'000;  // of a rank: bringing them to life takes time
  TrainingShape less = shape;
  less.ranks = ranks;
  const double per_class = 6 * static_cast<double>(shape.global_batch) * static_cast<double>(shape.dim());
  const double active =
      std::clamp(kFlops / per_class, 2048.0, std::max(2048.0, kMostRows * shape.sample_rate)) * ranks;
  less.classes = std::min<int64_t>(shape.classes, std::llround(active / shape.sample_rate));
  less.classes = std::min<int64_t>(less.classes, std::llround(kMostRows) * ranks);
  return less;
}

// Solves t = FLOPs · x + bytes · y for two batch sizes.
void measure_head_rates(const TrainingShape& planned, Communicator& world, MeasuredRates& rates) {
  TrainingShape shape = shape_to_measure(planned, world.size());
  const auto step = [&] {
    return measure_head({.head = {.classes = shape.classes,
                                  .sample_rate = shape.sample_rate,
                                  .batch = shape.global_batch,
                                  .dim = shape.dim(),
                                  .precision = shape.head_precision,
                                  .optimizer = shape.optimizer,
                                  .kept_bytes = shape.kept_bytes,
                                  .threads = shape.threads},
                         .steps = 5,
                         .floor = false},
                        world, false)
        .step_seconds;
  };
  const auto work = [&] {
    const HeadWork head = head_work(shape);
    return std::array{head.forward_flops + head.update_flops, head.forward_bytes + head.update_bytes};
  };
  const double t = step();
  const auto [flops, bytes] = work();
  shape.global_batch =
      shape.global_batch >= 16 * world.size() ? shape.global_batch / 8 : shape.global_batch * 8;
  const double other_t = step();
  const auto [other_flops, other_bytes] = work();
  const double determinant = flops * other_bytes - other_flops * bytes;
  double x = (t * other_bytes - other_t * bytes) / determinant,
         y = (flops * other_t - other_flops * t) / determinant;
  // Where noise leaves nothing for one of them: a twentieth of the time.
  constexpr double kLeast = 0.05;
  x = std::clamp(x, kLeast * t / flops, (1 - kLeast) * t / flops);
  y = (t - flops * x) / bytes;
  rates.head_flops = 1 / x;
  rates.memory_bandwidth = 1 / y;
}

}  // namespace

MeasuredRates measure_rates(const TrainingShape& shape, bool channels_last, Communicator& world) {
  MeasuredRates rates;
  measure_backbone(shape, channels_last, world, rates);
  measure_head_rates(shape, world, rates);
  if (world.size() > 1) rates.link = measure_link(world);
  return rates;
}

}  // namespace partialfc
