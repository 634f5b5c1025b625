// What the models say when the shape is varied: what fits, when sampling pays, and how a run scales.
#pragma once

#include <cstdint>
#include <vector>

#include "partialfc/plan/machine.h"
#include "partialfc/plan/training_shape.h"

namespace partialfc {

// Sampling pays where a step with it takes this much less than one with all classes.
constexpr double kPays = 0.05;

// The most classes for which a rank's memory suffices, all else as in `shape`; 0: not even one block for each rank.
int64_t largest_classes(TrainingShape shape, const Machine& machine);

// The largest sample rate at which sampling pays; 0: none does.
double paying_sample_rate(TrainingShape shape, const Machine& machine, int64_t bucket_bytes);
// The fewest classes at which the sample rate `rate` pays; 0: none up to kMostClasses does.
int64_t paying_classes(TrainingShape shape, double rate, const Machine& machine, int64_t bucket_bytes);

struct ScalingRow {
  int ranks = 1;
  int64_t classes = 0;
  int64_t memory_bytes = 0;  // of a rank
  bool fits = false;
  double step_seconds = 0, samples_per_second = 0;
  double communication = 0;  // its share of the step
};

constexpr int kMostRanks = 1024;
constexpr int64_t kMostClasses = 1'000'000'000;

// 1, 2, 4, … kMostRanks ranks, each with the batch and the threads that a rank of `shape` has.
std::vector<ScalingRow> scale_ranks(TrainingShape shape, const Machine& machine, int64_t bucket_bytes);
// 100,000 … kMostClasses classes on as many ranks as `shape` has or, where memory does not suffice, the next power of two
// at which it does; kMostRanks where it never does.
std::vector<ScalingRow> scale_classes(TrainingShape shape, const Machine& machine, int64_t bucket_bytes);

}  // namespace partialfc
