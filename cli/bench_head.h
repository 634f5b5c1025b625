// Measures the head alone: class PartialFC on random features and labels, beside the floor of its products.
#pragma once

#include <array>
#include <optional>
#include <string>

#include "cli/gemm_floor.h"
#include "partialfc/base/precision.h"
#include "partialfc/centers/file_store.h"
#include "partialfc/comm/communicator.h"

namespace partialfc {

struct BenchHeadOptions {
  int64_t classes = 1'000'000;  // C
  double sample_rate = 0.1;     // r
  int64_t batch = 128;          // N, over all ranks
  int64_t dim = 512;            // D
  Precision precision = Precision::kFloat32;
  int threads = 0;  // of a rank; 0: cores / ranks on the host
  int64_t steps = 20;
  bool cold = false;  // rows are not touched before: a step brings most of its rows to life
  bool floor = true;  // measure it
  // Centers in a file; then what bounds them is measured too.
  std::optional<FileStoreOptions> file_store;
};

// Medians over the steps; of the slowest rank.
struct HeadFigures {
  double step_seconds = 0, forward_seconds = 0, update_seconds = 0;
  int64_t active = 0;  // classes of a step, over all ranks; positives beyond a block's share add to S
  double collectives_per_step = 0, bytes_per_step = 0;
  int64_t peak_memory = 0;  // of the process, without the floor's operands; of the largest one under mpirun
  int ranks = 1, threads = 1;

  struct Floor {
    double seconds = 0;                                        // of the three products
    std::array<double, GemmFloor::kProducts> product_seconds;  // each
    std::array<std::string, GemmFloor::kProducts> ways;        // the libraries that were the fastest
  };
  // Of centers in a file: the step of a head of as many active classes, all in the memory that the file store had; and
  // the disk's best time for the rows that a step has to move, at `disk_depth` transfers at once.
  struct OutOfCore {
    double memory_step_seconds = 0, disk_seconds = 0;
    int disk_depth = 0;
  };
  std::optional<OutOfCore> out_of_core;

  std::optional<Floor> floor;       // float32
  std::optional<Floor> floor_bf16;  // where the precision is bf16
};

// Collective over `world`. The figures are rank 0's to use.
//
// The floor is sampled after every step, on all threads of the run: of all ranks where these are threads of one process
// (one_process), else of each rank for its share of the classes, and the slowest counts.
HeadFigures measure_head(const BenchHeadOptions& options, Communicator& world, bool one_process);

}  // namespace partialfc
