// Measures the head alone: class PartialFC on random features and labels, beside the floor of its products.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "measure/head_run.h"
#include "measure/product_floor.h"
#include "measure/store_bounds.h"

namespace partialfc {

struct HeadMeasurementOptions {
  HeadRunOptions head;  // where its centers are in a file, what bounds them is measured too
  int64_t steps = 20;
  bool cold = false;  // rows are not touched before: a step brings most of its rows to life
  bool floor = true;  // measure it
};

// Medians over the steps; of the slowest rank.
struct HeadFigures {
  double step_seconds = 0, forward_seconds = 0, update_seconds = 0;
  int64_t active = 0;  // classes of a step, over all ranks; positives beyond a block's share add to S
  double collectives_per_step = 0, bytes_per_step = 0;
  int64_t peak_memory = 0;  // of the process, without the floor's operands; of the largest one under mpirun
  int ranks = 1, threads = 1;

  struct Floor {
    double seconds = 0;                                           // of the three products
    std::array<double, ProductFloor::kProducts> product_seconds;  // each
    std::array<std::string, ProductFloor::kProducts> ways;        // the libraries that were the fastest
  };
  std::optional<Floor> floor;       // float32
  std::optional<Floor> floor_bf16;  // where the precision is bf16
  std::optional<StoreBounds> bounds;
  std::optional<HeadRun::Gpu> gpu;  // where the head is on one; rank 0's
};

// Collective over `world`. The figures are rank 0's to use.
//
// The floor is sampled after every step, on all threads of the run: of all ranks where these are threads of one process
// (one_process), else of each rank for its share of the classes, and the slowest counts.
HeadFigures measure_head(const HeadMeasurementOptions& options, Communicator& world, bool one_process);

}  // namespace partialfc
