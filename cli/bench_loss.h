// What bfloat16 costs in loss: the head trained on fixed features, once in float32 and once in bfloat16.
#pragma once

#include <cstdint>
#include <string>

namespace partialfc {

struct BenchLossOptions {
  std::string features;  // what `partialfc embed` wrote: FEATURES.npy and FEATURES.keys.tsv
  int64_t steps = 200;
  int64_t batch = 512;
  double sample_rate = 0.1;
  double learning_rate = 0.1;
  uint64_t seed = 1;
  int threads = 0;  // 0: all cores
  bool json = false;
};

// Both precisions see the same batches, classes and first centers; only their arithmetic and storage differ. Prints
// both losses, each the mean of the last tenth of the steps, and their difference. Refuses bf16 by name where the CPU
// has none. Returns the exit code.
int bench_loss(const BenchLossOptions& options);

}  // namespace partialfc
