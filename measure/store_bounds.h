// What bounds a head whose centers are in a file: the arithmetic of a step, or the disk.
#pragma once

#include <algorithm>
#include <cstdint>

#include "measure/head_run.h"

namespace partialfc {

struct StoreBounds {
  // Of a head of as many active classes, all in the memory that the file store had.
  double memory_step_seconds = 0;
  // The disk's best time for the rows that a step has to move, at `disk_depth` transfers at once.
  double disk_seconds = 0;
  int disk_depth = 0;

  double seconds() const { return std::max(memory_step_seconds, disk_seconds); }
};

// active: classes of a step. options.file_store is given. Medians; of `steps` steps in memory. One rank.
StoreBounds measure_store_bounds(const HeadRunOptions& options, int64_t active, int64_t steps,
                                 Communicator& world);

// Steps after which a file store's memory holds what steps have left there, not what touching has.
int64_t turn_of_the_memory(const HeadRunOptions& options);

}  // namespace partialfc
