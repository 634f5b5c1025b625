// What the train loop draws from: batches of pixels and labels.
#pragma once

#include <cstdint>
#include <vector>

#include "partialfc/data/skip_report.h"

namespace partialfc {

// One rank's share of a global batch.
struct Batch {
  int64_t position = 0;         // of the global batch's first sample, counted since training began
  int64_t count = 0;            // rows of this rank
  std::vector<uint8_t> pixels;  // (count, height, width, channels)
  std::vector<int64_t> labels;  // (count), −1 where the image was skipped: its pixels are zero
};

// Options of every stream. Ranks that agree on all but `rank` share out the same global batches, whatever their number.
struct StreamOptions {
  int height = 112;
  int width = 112;
  int channels = 3;  // 1 gray, 3 RGB
  int64_t global_batch = 1;
  int world_size = 1;
  int rank = 0;
  int64_t start_position = 0;  // samples seen before, over all ranks
  uint64_t seed = 0;

  int64_t image_bytes() const { return int64_t{height} * width * channels; }
};

// Throws Error that names an option out of its range.
void check_options(const StreamOptions& options);

// One caller at a time.
class BatchStream {
 public:
  virtual ~BatchStream() = default;

  // Fills `batch` with the next rows, without end: one epoch follows the other. Hand in the same object each time: its
  // memory is used again.
  virtual void next(Batch& batch) = 0;
  // Seconds spent waiting in next(), all together: the time that training lost to input.
  virtual double wait_seconds() const = 0;
  // Of the images handed out so far: one that was skipped counts once, however many epochs it was skipped in.
  virtual const SkipReport& skipped() const = 0;
};

}  // namespace partialfc
