#include "partialfc/data/window_reader.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/base/process_memory.h"
#include "partialfc/base/trace.h"

namespace partialfc {

WindowReader::WindowReader(std::shared_ptr<const ImageSource> source, const SampleOrder& order,
                           int64_t position, int rank)
    : source_(std::move(source)),
      order_(order),
      windows_of_epoch_(order.shard_order(0).windows()),
      wanted_(window_of(position)),
      read_(wanted_),
      thread_([this, rank] { work(rank); }) {}

WindowReader::~WindowReader() {
  stop();
  thread_.join();
}

int64_t WindowReader::window_of(int64_t position) const {
  const int64_t epoch = order_.epoch(position);
  return epoch * windows_of_epoch_ + order_.shard_order(epoch).window_of(position % order_.size());
}

void WindowReader::wait_for(int64_t position) {
  const int64_t window = window_of(position);
  std::unique_lock lock(mutex_);
  if (window > wanted_) {
    wanted_ = window;
    changed_.notify_all();
  }
  changed_.wait(lock, [&] { return read_ > window || stopping_; });
}

void WindowReader::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  changed_.notify_all();
}

void WindowReader::work(int rank) {
  name_trace_thread(rank, "window reader");
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return read_ <= wanted_ + 1 || stopping_; });
    const int64_t window = read_;
    for (const Range shard :
         order_.shard_order(window / windows_of_epoch_).shards_of(window % windows_of_epoch_)) {
      if (stopping_) return;
      lock.unlock();
      const TraceSpan span("data.read_ahead");
      source_->read_ahead(shard);
      lock.lock();
    }
    ++read_;
    changed_.notify_all();
  }
}

ShardOptions shards_of(const ImageSource& source, int64_t shard_bytes, int64_t window_shards) {
  if (source.file_bytes() == 0)
    fail_usage(
        "{}: the order \"shards\" reads one file forward, and these images are files of their own: "
        "make a .rec file of them with `partialfc pack`, or use the order \"full\"",
        source.describe(0));
  const uint64_t windows = std::min(
      source.file_bytes(), 2 * static_cast<uint64_t>(shard_bytes) * static_cast<uint64_t>(window_shards));
  const auto available = static_cast<uint64_t>(available_memory());
  if (windows > available)
    fail(
        "two windows of {} shards of {:.3f} GB take {:.3f} GB, and {:.3f} GB of memory are available: "
        "make data.window_shards or data.shard_megabytes smaller",
        window_shards, static_cast<double>(shard_bytes) * 1e-9, static_cast<double>(windows) * 1e-9,
        static_cast<double>(available) * 1e-9);
  const double image_bytes = static_cast<double>(source.file_bytes()) / static_cast<double>(source.size());
  return {.shard_samples = std::max<int64_t>(1, std::llround(static_cast<double>(shard_bytes) / image_bytes)),
          .window_shards = window_shards};
}

}  // namespace partialfc
