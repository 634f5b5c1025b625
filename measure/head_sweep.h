// The field's table: what a step of the head costs as the number of classes grows. Each cell is a `bench head` in a child
// process, so that its peak memory is its own.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "partialfc/base/precision.h"

namespace partialfc {

struct HeadSweepOptions {
  int64_t max_classes = 100'000'000;
  int64_t batch = 128, dim = 512, steps = 5;
  int threads = 0;  // 0: all cores
  Precision precision = Precision::kFloat32;
};

struct SweepColumn {
  const char* name;
  double sample_rate;  // 0: kSweepSamples classes, cold
};
constexpr int64_t kSweepSamples = 20'000;
constexpr std::array<SweepColumn, 3> kSweepColumns = {
    {{"r = 1", 1}, {"r = 0.1", 0.1}, {"20,000 active, cold", 0}}};

// The rows: classes up to max_classes.
std::vector<int64_t> sweep_rows(const HeadSweepOptions& options);

// Whether centers with momentum and a step's products fit in three fifths of `memory` bytes.
bool fits(const HeadSweepOptions& options, int64_t classes, double sample_rate, int64_t memory);

struct SweepCell {
  enum class State { kMeasured, kDoesNotFit, kFailed } state = State::kFailed;
  nlohmann::json figures;  // measured: the object that bench head prints
  std::string error;       // failed: what it said
};

// program: this one's path.
SweepCell measure_cell(const HeadSweepOptions& options, int64_t classes, const SweepColumn& column,
                       const std::string& program);

}  // namespace partialfc
