// What a plan is made for: the shapes of a training run, and what follows from them for the rank with the most to do.
//
// N: samples of a step over all ranks; D: dimensions; C: classes; r: sample rate; R: ranks.
#pragma once

#include <cstdint>

#include "partialfc/base/precision.h"
#include "partialfc/base/scratch_file.h"
#include "partialfc/centers/center_store.h"
#include "partialfc/head/partial_fc.h"
#include "partialfc/models/graph.h"

namespace partialfc {

constexpr int64_t kFloat = sizeof(float);  // bytes

struct TrainingShape {
  Graph backbone;            // from images to embeddings of D
  int64_t classes = 0;       // C
  int64_t global_batch = 0;  // N
  double sample_rate = 1;    // r
  int ranks = 1;             // R
  int threads = 1;           // of a rank
  int64_t micro_batches = 1;
  Precision head_precision = Precision::kFloat32, backbone_precision = Precision::kFloat32;
  OptimizerOptions optimizer;
  int64_t kept_bytes = PartialFCOptions{}.kept_bytes;
  int64_t store_bytes = 0;       // what a rank keeps of centers that are in a file; 0: they are in memory
  uint64_t store_alignment = 1;  // of records in that file (base/scratch_file.h)
  bool head_on_gpu = false;      // then none of the host's memory is the layer's but
  int64_t frame_bytes = 0;       // where there are frames: that of the rows
  int64_t batches_ahead = 0;     // that the loader makes; 0: synthetic data
  int64_t save_steps =
      0;  // over which a checkpoint's rows are copied while training goes on; 0: saved at its end

  int64_t dim() const { return backbone.embedding(); }
  RecordLayout record() const {
    return {.dim = dim(), .states = optimizer.states(), .precision = head_precision};
  }
  // What a record takes where centers are in a file: there, and in what is kept of it.
  int64_t stored_record_bytes() const { return aligned_record_bytes(record().bytes(), store_alignment); }
  int64_t rank_batch() const { return (global_batch + ranks - 1) / ranks; }
  int64_t micro_batch() const { return (rank_batch() + micro_batches - 1) / micro_batches; }

  // Classes that the rank with the most of them owns: whole blocks (centers/class_placement.h).
  int64_t rank_classes() const;
  // Active classes of that rank, S, as they are to be expected: of each block its share of r·C, or its positives where
  // they are more. Labels are taken to be drawn evenly from all classes.
  int64_t rank_active() const;

  // Throws UsageError where the numbers cannot be trained with: more ranks than blocks, a batch below the ranks.
  void validate() const;
};

}  // namespace partialfc
