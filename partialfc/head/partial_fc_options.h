// What decides the arithmetic of a PartialFC.
#pragma once

#include <cstdint>
#include <optional>

#include "partialfc/base/precision.h"
#include "partialfc/centers/file_store.h"
#include "partialfc/head/margin.h"
#include "partialfc/kernels/optimizer_step.h"

namespace partialfc {

struct PartialFCOptions {
  int64_t num_classes = 0;  // C
  int64_t dim = 0;          // D
  int64_t max_batch = 0;    // the most rows any rank brings to a step; equal on all ranks
  double sample_rate = 1;   // r
  uint64_t seed = 0;
  Precision precision = Precision::kFloat32;  // of the products and of the stored rows
  MarginOptions margin;
  OptimizerOptions optimizer;
  // Where rows are that do not fit in memory; none: all are in memory.
  std::optional<FileStoreOptions> file_store;
  // What forward() may keep of E for update(), on this rank; what is past it is computed again, for a third more
  // arithmetic.
  int64_t kept_bytes = int64_t{4} << 30;

  // Throws UsageError that names the option and its range.
  void validate() const;
};

}  // namespace partialfc
