// Batches from an ImageSource: threads read, decode, resize and augment images ahead of the train loop.
//
// Row i of the global batch at position p is the sample that SampleOrder gives for p + i, augmented by a stream of
// (seed, epoch, sample). So rows depend on neither threads nor timing nor the number of ranks, and a run resumes at any
// position. Memory: `prefetch` batches.
#pragma once

#include <atomic>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "partialfc/base/parallel.h"
#include "partialfc/data/augment.h"
#include "partialfc/data/batch_stream.h"
#include "partialfc/data/image_source.h"
#include "partialfc/data/sample_order.h"
#include "partialfc/data/window_reader.h"

namespace partialfc {

struct LoaderOptions {
  StreamOptions stream;
  AugmentOptions augment;
  bool shuffle = true;
  std::optional<ShardOptions> shards;  // shuffle by shards, read ahead in one piece each
  int threads = 1;
  int prefetch = 4;            // batches made ahead, 1 or more
  int64_t num_classes = 0;     // labels from here on are bad; 0: the source's number
  double max_skipped = 0.001;  // share of unusable images that is borne, see SkipReport::check
};

class Loader : public BatchStream {
 public:
  Loader(std::shared_ptr<const ImageSource> source, const LoaderOptions& options);
  // Stops after the images being decoded at the moment.
  ~Loader() override;

  // Throws what went wrong in a thread, and Error where too many images were skipped.
  void next(Batch& batch) override;
  double wait_seconds() const override { return wait_seconds_; }
  const SkipReport& skipped() const override { return skipped_; }

 private:
  struct Skip {
    int64_t row;
    int64_t sample;
    SkipKind kind;
    std::string message;
  };
  struct Slot {  // a batch being made
    Batch batch;
    int64_t rows_left = 0;
    std::vector<Skip> skips;
  };
  struct Work {      // rows of a batch that one thread makes
    int64_t number;  // of the batch, since this loader began
    Range rows;
  };

  Slot& slot(int64_t number) { return slots_[number % slots_.size()]; }
  std::unique_ptr<WindowReader> open_windows() const;
  void open(int64_t number);
  void work();
  bool claim(Work& work);
  void finish(const Work& work, std::vector<Skip> skips);
  std::optional<Skip> make_row(Batch& batch, int64_t row) const;
  void stop();

  const std::shared_ptr<const ImageSource> source_;
  const LoaderOptions options_;
  const int64_t num_classes_;
  const SampleOrder order_;
  const Range share_;  // this rank's rows of the global batch
  const int64_t rows_at_once_;
  const std::unique_ptr<WindowReader> windows_;  // of an order by shards

  // Of the thread that calls next().
  double wait_seconds_ = 0;
  SkipReport skipped_;
  std::unordered_set<int64_t> skipped_samples_;  // those in skipped_: later epochs meet them again

  std::mutex mutex_;  // guards what follows
  std::condition_variable work_there_, batch_there_;
  std::vector<Slot> slots_;
  int64_t delivered_ = 0;  // batches
  Work next_work_{};
  std::exception_ptr error_;
  std::atomic<bool> stopping_ = false;

  std::vector<std::thread> threads_;
};

}  // namespace partialfc
