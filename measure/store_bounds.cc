#include "measure/store_bounds.h"

#include <algorithm>
#include <vector>

#include "measure/median.h"
#include "partialfc/base/scratch_file.h"
#include "partialfc/centers/row_pattern.h"

namespace partialfc {

namespace {

// Bytes from one record to the next, in the file and in memory.
int64_t stride_of(const HeadRunOptions& options) {
  return aligned_record_bytes(options.record().bytes(), ScratchFile(options.file_store->folder).alignment());
}

}  // namespace

StoreBounds measure_store_bounds(const HeadRunOptions& given, int64_t active, int64_t steps,
                                 Communicator& world) {
  HeadRunOptions options = given;
  const FileStoreOptions file = *options.file_store;
  const int64_t record_bytes = options.record().bytes(), stride = stride_of(options);
  const int64_t resident = std::min(options.classes, file.memory_bytes / stride);
  const double missing = 1 - static_cast<double>(resident) / static_cast<double>(options.classes);
  StoreBounds bounds;
  {
    const RowPattern disk(file.folder, options.classes * stride, record_bytes);
    const auto rows = static_cast<int64_t>(missing * static_cast<double>(active));
    for (const int depth : {16, 32, 64, 128, 256}) {
      std::vector<double> seconds;
      for (int i = 0; i < 5; ++i)
        seconds.push_back(disk.seconds(rows, depth, static_cast<uint64_t>(100 * depth + i)));
      const double typical = median(std::move(seconds));
      if (bounds.disk_depth != 0 && typical >= bounds.disk_seconds) continue;
      bounds.disk_seconds = typical;
      bounds.disk_depth = depth;
    }
  }
  options.file_store.reset();
  options.classes = std::max(resident, active);
  options.sample_rate = static_cast<double>(active) / static_cast<double>(options.classes);
  HeadRun run(options, world);
  run.touch_all_rows();
  bounds.memory_step_seconds = median_step(run, 2, steps);
  return bounds;
}

int64_t turn_of_the_memory(const HeadRunOptions& options) {
  const double active = options.sample_rate * static_cast<double>(options.classes);
  return 2 + static_cast<int64_t>(
                 1.4 * static_cast<double>(options.file_store->memory_bytes / stride_of(options)) / active);
}

}  // namespace partialfc
