// One rank's head on random features and labels, step by step: what measurements of the head run.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "partialfc/base/precision.h"
#include "partialfc/centers/file_store.h"
#include "partialfc/comm/communicator.h"
#include "partialfc/device/buffer.h"
#include "partialfc/device/device_name.h"
#include "partialfc/head/partial_fc.h"

namespace partialfc {

struct HeadRunOptions {
  int64_t classes = 1'000'000;  // C
  double sample_rate = 0.1;     // r
  int64_t batch = 128;          // N, over all ranks
  int64_t dim = 512;            // D
  Precision precision = Precision::kFloat32;
  OptimizerOptions optimizer;                  // of the centers
  std::optional<FileStoreOptions> file_store;  // centers in a file; else in memory
  int64_t kept_bytes = PartialFCOptions{}.kept_bytes;
  int threads = 1;  // of a rank
  DeviceName device;
  bool tf32 = false;  // on a GPU: float32 products may round their operands to TF32

  RecordLayout record() const { return {.dim = dim, .states = optimizer.states(), .precision = precision}; }
};

class HeadRun {
 public:
  // Collective over `world`.
  HeadRun(const HeadRunOptions& options, Communicator& world);

  // Brings every row of this rank to life, with all the pages of its record.
  void touch_all_rows();

  // Features and labels of that step: a function of its number. On a GPU they lie there.
  void draw_batch(int64_t step);

  // Seconds of the step, of forward() and of update(), on the batch drawn last. Collective.
  std::array<double, 3> step(int64_t number);

  int64_t rows_alive() { return head_->store().rows_alive(); }  // of this rank
  int64_t active() const { return active_; }                    // classes of this rank in the last step
  struct Gpu {
    std::string name;
    int driver_version = 0;
    int64_t head_bytes = 0;  // of its memory that the head has taken
  };
  Gpu gpu() const { return gpu_; }
  Traffic::Entry traffic() const { return head_channel_->traffic().total(); }

 private:
  StepResult forward(int64_t number);

  const DeviceName device_;
  Gpu gpu_;
  std::optional<Stream> stream_;  // on a GPU
  std::unique_ptr<Communicator> head_channel_;
  ThreadTeam team_;
  std::unique_ptr<PartialFC> head_;
  Range rows_;                          // of the global batch
  Matrix<float> features_, gradients_;  // (rows, D)
  std::vector<int64_t> labels_;         // (rows)
  DeviceBuffer<float> gpu_features_, gpu_gradients_;
  DeviceBuffer<int64_t> gpu_labels_;
  int64_t active_ = 0;
};

// The median of `steps` steps after `warm_up` of them, in seconds. Collective.
double median_step(HeadRun& run, int64_t warm_up, int64_t steps);

}  // namespace partialfc
