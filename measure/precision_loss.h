// What bfloat16 costs in loss: the head trained on fixed features, once in float32 and once in bfloat16.
#pragma once

#include <cstdint>
#include <string>

namespace partialfc {

struct PrecisionLossOptions {
  std::string features;  // what `partialfc embed` wrote: FEATURES.npy and FEATURES.keys.tsv
  int64_t steps = 200;
  int64_t batch = 512;
  double sample_rate = 0.1;
  double learning_rate = 0.1;
  uint64_t seed = 1;
  int threads = 1;
};

struct PrecisionLoss {
  int64_t features = 0, dim = 0, classes = 0;
  double first_loss = 0;                // of the first step, in float32
  double fp32_loss = 0, bf16_loss = 0;  // the mean of the last tenth of the steps
  double difference() const { return bf16_loss / fp32_loss - 1; }
};

// Both precisions see the same batches, classes and first centers; only their arithmetic and storage differ. Refuses
// bf16 by name where the CPU has none.
PrecisionLoss measure_precision_loss(const PrecisionLossOptions& options);

}  // namespace partialfc
