#include "partialfc/data/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/base/trace.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/resize.h"

namespace partialfc {

namespace {

const LoaderOptions& checked(const LoaderOptions& options) {
  check_options(options.stream);
  check_options(options.augment);
  if (options.threads < 1) fail_usage("{} loader threads: must be 1 or more", options.threads);
  if (options.prefetch < 1) fail_usage("a prefetch of {} batches: must be 1 or more", options.prefetch);
  return options;
}

// Few enough that the threads share a batch evenly, many enough that they seldom meet at the lock.
int64_t rows_at_once(int64_t rows, int threads) {
  return std::clamp<int64_t>(rows / (4 * int64_t{threads}), 1, 16);
}

}  // namespace

Loader::Loader(std::shared_ptr<const ImageSource> source, const LoaderOptions& options)
    : source_(std::move(source)),
      options_(checked(options)),
      num_classes_(options.num_classes > 0 ? options.num_classes : source_->num_classes()),
      order_(source_->size(), options.stream.seed, options.shuffle, options.shards),
      share_(batch_share(options.stream.global_batch, options.stream.world_size, options.stream.rank)),
      rows_at_once_(rows_at_once(share_.size(), options.threads)),
      windows_(open_windows()),
      slots_(options.prefetch) {
  for (int64_t number = 0; number < options.prefetch; ++number) open(number);
  if (share_.size() == 0) return;
  for (int i = 0; i < options.threads; ++i) threads_.emplace_back([this] { work(); });
}

// Nobody waits for windows where this rank has no rows, or where samples are taken in turn: that reads forward anyway.
std::unique_ptr<WindowReader> Loader::open_windows() const {
  if (!options_.shuffle || !options_.shards || share_.size() == 0) return nullptr;
  return std::make_unique<WindowReader>(source_, order_, options_.stream.start_position,
                                        options_.stream.rank);
}

Loader::~Loader() {
  stop();
  for (std::thread& thread : threads_) thread.join();
}

void Loader::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  if (windows_) windows_->stop();
  work_there_.notify_all();
}

// Makes the slot ready for batch `number`.
void Loader::open(int64_t number) {
  Slot& opened = slot(number);
  const auto& stream = options_.stream;
  opened.batch.position = stream.start_position + number * stream.global_batch;
  opened.batch.count = share_.size();
  opened.batch.pixels.resize(share_.size() * stream.image_bytes());
  opened.batch.labels.resize(share_.size());
  opened.rows_left = share_.size();
  opened.skips.clear();
}

void Loader::next(Batch& batch) {
  const TraceSpan span("data.wait");
  const auto began = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  Slot& ready = slot(delivered_);
  batch_there_.wait(lock, [&] { return ready.rows_left == 0 || error_; });
  wait_seconds_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  if (ready.rows_left > 0) std::rethrow_exception(error_);

  std::swap(batch, ready.batch);
  auto skips = std::move(ready.skips);
  open(delivered_ + static_cast<int64_t>(slots_.size()));
  ++delivered_;
  work_there_.notify_all();
  lock.unlock();

  std::sort(skips.begin(), skips.end(), [](const Skip& a, const Skip& b) { return a.row < b.row; });
  skipped_.add_seen(std::min(batch.count, source_->size() - skipped_.seen()));
  for (Skip& skip : skips)
    if (skipped_samples_.insert(skip.sample).second) skipped_.add_skipped(skip.kind, std::move(skip.message));
  skipped_.check(options_.max_skipped);
}

void Loader::work() {
  try {
    name_trace_thread(options_.stream.rank, "loader");
    Work work;
    while (claim(work)) {
      const TraceSpan span("data.decode");
      Batch& batch = slot(work.number).batch;
      std::vector<Skip> skips;
      if (windows_) windows_->wait_for(batch.position + share_.first + work.rows.last - 1);
      for (int64_t row = work.rows.first; row < work.rows.last; ++row) {
        if (stopping_) return;
        if (auto skip = make_row(batch, row)) skips.push_back(std::move(*skip));
      }
      finish(work, std::move(skips));
    }
  } catch (...) {
    stop();
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
    batch_there_.notify_all();
  }
}

// Waits for rows to make; false when the loader stops.
bool Loader::claim(Work& work) {
  std::unique_lock lock(mutex_);
  work_there_.wait(lock, [&] {
    return stopping_ || next_work_.number < delivered_ + static_cast<int64_t>(slots_.size());
  });
  if (stopping_) return false;
  work.number = next_work_.number;
  work.rows.first = next_work_.rows.first;
  work.rows.last = std::min(work.rows.first + rows_at_once_, share_.size());
  next_work_.rows.first = work.rows.last;
  if (work.rows.last == share_.size()) next_work_ = {.number = work.number + 1};
  return true;
}

void Loader::finish(const Work& work, std::vector<Skip> skips) {
  const std::lock_guard lock(mutex_);
  Slot& done = slot(work.number);
  std::move(skips.begin(), skips.end(), std::back_inserter(done.skips));
  done.rows_left -= work.rows.size();
  if (done.rows_left == 0) batch_there_.notify_all();
}

// Fills row `row` of this rank's share. An image that cannot be used leaves zeros and the reason.
std::optional<Loader::Skip> Loader::make_row(Batch& batch, int64_t row) const {
  const auto& stream = options_.stream;
  uint8_t* out = batch.pixels.data() + row * stream.image_bytes();
  const int64_t position = batch.position + share_.first + row;
  const int64_t sample = order_.sample(position);
  auto stage = SkipKind::kUnreadable;
  std::string reason;
  try {
    const EncodedImage encoded = source_->read(sample);
    stage = SkipKind::kBadLabel;
    if (encoded.label < 0 || encoded.label >= num_classes_)
      fail("label {} is outside 0 … {}", encoded.label, num_classes_ - 1);
    stage = SkipKind::kUndecodable;
    Image image = resize(decode_image(encoded.bytes, stream.channels), stream.height, stream.width);
    RandomStream random(stream.seed, Purpose::kAugmentation, order_.epoch(position), sample);
    augment(image, options_.augment, random);
    std::ranges::copy(image.pixels, out);
    batch.labels[row] = encoded.label;
    return std::nullopt;
  } catch (const SampleError& error) {
    stage = error.kind();
    reason = error.what();
  } catch (const Error& error) {
    reason = fmt::format("{}: {}", source_->describe(sample), error.what());
  }
  std::fill_n(out, stream.image_bytes(), uint8_t{0});
  batch.labels[row] = -1;
  return Skip{.row = row, .sample = sample, .kind = stage, .message = std::move(reason)};
}

}  // namespace partialfc
