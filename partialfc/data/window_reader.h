// Reads the windows of a shard order ahead of those who use them, forward and in large pieces, into the system's cache of
// files: so ranks of one host share one copy, and what the images are then read from is memory.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>

#include "partialfc/data/image_source.h"
#include "partialfc/data/sample_order.h"

namespace partialfc {

class WindowReader {
 public:
  // `order` is shuffled by shards. Reading begins with the window of `position`. `rank` is for the trace.
  WindowReader(std::shared_ptr<const ImageSource> source, const SampleOrder& order, int64_t position,
               int rank);
  ~WindowReader();
  WindowReader(const WindowReader&) = delete;
  WindowReader& operator=(const WindowReader&) = delete;

  // Returns once the window of `position` has been read, and lets the reading go on to the one behind it; or after
  // stop(). From any thread.
  void wait_for(int64_t position);
  void stop();

 private:
  int64_t window_of(int64_t position) const;  // counted since training began
  void work(int rank);

  const std::shared_ptr<const ImageSource> source_;
  const SampleOrder order_;
  const int64_t windows_of_epoch_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  int64_t wanted_;  // the last window that somebody waited for
  int64_t read_;    // windows before this one are read
  bool stopping_ = false;

  std::thread thread_;
};

// Shards of about `shard_bytes` of the source's file. UsageError where it is not one file; Error where two windows, the one
// in use and the next, do not fit into the available memory: all would be read twice.
ShardOptions shards_of(const ImageSource& source, int64_t shard_bytes, int64_t window_shards);

}  // namespace partialfc
