// The field's table: what a step of the head costs as the number of classes grows.
#pragma once

#include <cstdint>
#include <string>

namespace partialfc {

struct BenchSweepOptions {
  int64_t max_classes = 100'000'000;
  int64_t batch = 128, dim = 512, steps = 5;
  int threads = 0;  // 0: all cores
  std::string precision = "fp32";
  bool json = false;
};

// Prints the table, row by row, or one JSON object. Each cell is a `bench head` in a child process, so that its peak
// memory is its own. Returns the exit code: kFailed if a cell failed, whose reason is on standard error then.
int bench_sweep(const BenchSweepOptions& options);

}  // namespace partialfc
