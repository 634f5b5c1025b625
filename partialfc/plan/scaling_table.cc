#include "partialfc/plan/scaling_table.h"

#include <algorithm>
#include <bit>

#include "partialfc/plan/memory_model.h"
#include "partialfc/plan/step_model.h"

namespace partialfc {

namespace {

bool fits(const TrainingShape& shape, const Machine& machine) {
  return total_bytes(training_memory(shape, machine)) <= machine.memory_bytes;
}

// The most of first … last for which `holds`, which is true up to some number and false from there on; first − 1: none.
int64_t last_that_holds(int64_t first, int64_t last, auto holds) {
  int64_t known = first - 1;
  while (known < last) {
    const int64_t middle = known + (last - known + 1) / 2;
    if (holds(middle))
      known = middle;
    else
      last = middle - 1;
  }
  return known;
}

double step_at(TrainingShape shape, double rate, const Machine& machine, int64_t bucket_bytes) {
  shape.sample_rate = rate;
  return plan_step(shape, machine, bucket_bytes).seconds;
}

bool pays(const TrainingShape& shape, double rate, const Machine& machine, int64_t bucket_bytes) {
  return step_at(shape, rate, machine, bucket_bytes) <=
         (1 - kPays) * step_at(shape, 1, machine, bucket_bytes);
}

ScalingRow row_of(const TrainingShape& shape, const Machine& machine, int64_t bucket_bytes) {
  ScalingRow row{.ranks = shape.ranks, .classes = shape.classes};
  row.memory_bytes = total_bytes(training_memory(shape, machine));
  row.fits = row.memory_bytes <= machine.memory_bytes;
  const StepPlan step = plan_step(shape, machine, bucket_bytes);
  row.step_seconds = step.seconds;
  row.samples_per_second = static_cast<double>(shape.global_batch) / step.seconds;
  for (const StepPart& part : step.parts)
    if (part.name == "all_gather" || part.name == "all_reduce" || part.name == "reduce_scatter" ||
        part.name == "gradient_wait")
      row.communication += part.seconds / step.seconds;
  return row;
}

}  // namespace

int64_t largest_classes(TrainingShape shape, const Machine& machine) {
  constexpr int64_t kMostOfARank = int64_t{1} << 32;  // slots are 32 bits
  const int64_t most = last_that_holds(shape.ranks, kMostOfARank * shape.ranks, [&](int64_t classes) {
    shape.classes = classes;
    return fits(shape, machine);
  });
  return most < shape.ranks ? 0 : most;
}

double paying_sample_rate(TrainingShape shape, const Machine& machine, int64_t bucket_bytes) {
  constexpr int64_t kSteps = 1000;  // rates are told to a thousandth
  const auto rate = [](int64_t i) { return static_cast<double>(i) / kSteps; };
  return rate(
      last_that_holds(1, kSteps - 1, [&](int64_t i) { return pays(shape, rate(i), machine, bucket_bytes); }));
}

int64_t paying_classes(TrainingShape shape, double rate, const Machine& machine, int64_t bucket_bytes) {
  const int64_t first = std::max<int64_t>(shape.ranks, 10);
  const int64_t without = last_that_holds(first, kMostClasses, [&](int64_t classes) {
    shape.classes = classes;
    return !pays(shape, rate, machine, bucket_bytes);
  });
  return without == kMostClasses ? 0 : without + 1;
}

std::vector<ScalingRow> scale_ranks(TrainingShape shape, const Machine& machine, int64_t bucket_bytes) {
  std::vector<ScalingRow> rows;
  const int64_t rank_batch = shape.rank_batch();
  for (int ranks = 1; ranks <= kMostRanks; ranks *= 2) {
    if (ranks > std::min<int64_t>(shape.classes, ClassPlacement::kMaxBlocks)) break;
    shape.ranks = ranks;
    shape.global_batch = ranks * rank_batch;
    rows.push_back(row_of(shape, machine, bucket_bytes));
  }
  return rows;
}

std::vector<ScalingRow> scale_classes(TrainingShape shape, const Machine& machine, int64_t bucket_bytes) {
  std::vector<ScalingRow> rows;
  const int64_t rank_batch = shape.rank_batch();
  const auto on_ranks = [&](int ranks) {
    TrainingShape other = shape;
    other.ranks = ranks;
    other.global_batch = ranks * rank_batch;
    return other;
  };
  int64_t classes = 100'000;
  for (bool one = true; classes <= kMostClasses; classes = one ? 3 * classes : classes / 3 * 10, one = !one) {
    if (classes < shape.ranks) continue;
    shape.classes = classes;
    auto ranks = static_cast<unsigned>(shape.ranks);
    while (ranks < kMostRanks && !fits(on_ranks(static_cast<int>(ranks)), machine))
      ranks = std::bit_ceil(ranks + 1);
    rows.push_back(row_of(on_ranks(static_cast<int>(ranks)), machine, bucket_bytes));
  }
  return rows;
}

}  // namespace partialfc
