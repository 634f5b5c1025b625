#include "cli/io_measurement.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <vector>

#include "cli/jpeg_floor.h"
#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/base/parallel.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/record_io.h"
#include "partialfc/data/record_source.h"
#include "partialfc/data/resize.h"
#include "partialfc/data/window_reader.h"

namespace partialfc {

namespace {

using Clock = std::chrono::steady_clock;

constexpr int64_t kHeldImages = 1000;        // those that are decoded again and again …
constexpr uint64_t kHeldBytes = 64'000'000;  // … or fewer, of so many bytes
constexpr int64_t kTakenAtOnce = 16;         // images that a thread takes from the order
constexpr size_t kPiece = 4 << 20;           // bytes that the bare file is read in
constexpr int kDiskRounds = 3, kLoaderRounds = 5;
constexpr int kWarmBatches = 4;

double seconds_since(Clock::time_point began) {
  return std::chrono::duration<double>(Clock::now() - began).count();
}

struct Count {
  int64_t images = 0;
  uint64_t bytes = 0;
};

IoRate rate_of(const Count& count, double seconds) {
  return {static_cast<double>(count.images) / seconds, static_cast<double>(count.bytes) / seconds};
}

double median(std::vector<double> values) {
  std::ranges::nth_element(values, values.begin() + std::ssize(values) / 2);
  return values[values.size() / 2];
}

// Takes the file out of the system's cache. What is in memory to begin with cannot be.
void forget(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail("{}: cannot open: {}", path.string(), errno_text(errno));
  ::fsync(descriptor);  // only what has been written can be forgotten
  const int code = ::posix_fadvise(descriptor, 0, 0, POSIX_FADV_DONTNEED);
  ::close(descriptor);
  if (code != 0) fail("{}: cannot take it out of the system's cache: {}", path.string(), errno_text(code));
}

bool is_in_memory(const std::filesystem::path& path) {
  struct statfs status;
  return ::statfs(path.c_str(), &status) == 0 &&
         (status.f_type == TMPFS_MAGIC || status.f_type == RAMFS_MAGIC);
}

// Reads positions 0 … last − 1 of the order on all threads, until `seconds` are over.
IoRate read_in_order(const std::shared_ptr<const ImageSource>& source, const SampleOrder& order,
                     WindowReader* windows, int64_t last, int threads, double seconds) {
  std::atomic<int64_t> next = 0, images = 0;
  std::atomic<uint64_t> bytes = 0;
  const auto began = Clock::now();
  ThreadTeam(threads).run([&](int) {
    for (int64_t first; (first = next.fetch_add(kTakenAtOnce)) < last && seconds_since(began) < seconds;) {
      const int64_t end = std::min(first + kTakenAtOnce, last);
      if (windows != nullptr) windows->wait_for(end - 1);
      for (int64_t position = first; position < end; ++position)
        bytes += source->read(order.sample(position)).bytes.size();
      images += end - first;
    }
  });
  return rate_of({images, bytes}, seconds_since(began));
}

// By shards a rate means something over whole windows: two of them, or the epoch.
IoRate disk_in_order(const IoOptions& options, const std::shared_ptr<const ImageSource>& source) {
  const LoaderOptions& loader = options.loader;
  const SampleOrder order(source->size(), loader.stream.seed, loader.shuffle, loader.shards);
  forget(options.rec);
  if (!loader.shuffle || !loader.shards)
    return read_in_order(source, order, nullptr, source->size(), loader.threads, options.seconds);
  WindowReader windows(source, order, 0, 0);
  const ShardOrder shards = order.shard_order(0);
  int64_t last = 0;
  for (int64_t window = 0; window < std::min<int64_t>(2, shards.windows()); ++window)
    for (const Range shard : shards.shards_of(window)) last += shard.size();
  return read_in_order(source, order, &windows, last, loader.threads, 1e9);
}

IoRate bare_file(const std::filesystem::path& path, double seconds) {
  const InputFile file(path);
  std::vector<std::byte> piece(kPiece);
  forget(path);
  Count count;
  const auto began = Clock::now();
  while (count.bytes < file.size() && seconds_since(began) < seconds)
    count.bytes += file.read_at(count.bytes, piece);
  return rate_of(count, seconds_since(began));
}

IoRate forward(const std::filesystem::path& path, double seconds) {
  RecordReader reader(path);
  std::vector<std::byte> payload;
  forget(path);
  Count count;
  const auto began = Clock::now();
  while (reader.next(payload) && seconds_since(began) < seconds) ++count.images;
  count.bytes = reader.offset();
  return rate_of(count, seconds_since(began));
}

IoRate median_of(const std::vector<IoRate>& rates) {
  std::vector<double> images, bytes;
  for (const IoRate& rate : rates)
    images.push_back(rate.images_per_second), bytes.push_back(rate.bytes_per_second);
  return {median(images), median(bytes)};
}

IoFigures::Disk measure_disk(const IoOptions& options, const std::shared_ptr<const ImageSource>& source) {
  IoFigures::Disk disk;
  disk.in_order = disk_in_order(options, source);
  std::vector<IoRate> forward_rates, bare_rates;
  for (int round = 0; round < kDiskRounds; ++round) {
    bare_rates.push_back(bare_file(options.rec, options.seconds / kDiskRounds));
    forward_rates.push_back(forward(options.rec, options.seconds / kDiskRounds));
  }
  disk.forward = median_of(forward_rates), disk.bare = median_of(bare_rates);
  return disk;
}

// The first images of the order, which then are in the system's cache; numbered from 0.
class FirstImages : public ImageSource {
 public:
  FirstImages(std::shared_ptr<const ImageSource> source, const SampleOrder& order)
      : source_(std::move(source)) {
    uint64_t bytes = 0;
    for (int64_t position = 0; position < std::min(kHeldImages, source_->size()) && bytes < kHeldBytes;
         ++position) {
      samples_.push_back(order.sample(position));
      bytes += source_->read(samples_.back()).bytes.size();
    }
  }
  int64_t size() const override { return std::ssize(samples_); }
  int64_t num_classes() const override { return source_->num_classes(); }
  EncodedImage read(int64_t index) const override { return source_->read(samples_[index]); }
  std::string describe(int64_t index) const override { return source_->describe(samples_[index]); }

 private:
  const std::shared_ptr<const ImageSource> source_;
  std::vector<int64_t> samples_;
};

bool is_jpeg(const EncodedImage& image) {
  return image.bytes.size() > 2 && image.bytes[0] == std::byte{0xff} && image.bytes[1] == std::byte{0xd8};
}

// What is done to images on one core.
class Arithmetic {
 public:
  Arithmetic(const LoaderOptions& options, const ImageSource& source)
      : options_(options), floor_(options.stream.channels) {
    for (int64_t i = 0; i < source.size(); ++i) {
      encoded_.push_back(source.read(i));
      try {
        images_.push_back(decode_image(encoded_.back().bytes, options.stream.channels));
      } catch (const Error& error) {
        fail("{}: {}", source.describe(i), error.what());
      }
      ++count_.images, count_.bytes += encoded_.back().bytes.size();
    }
  }
  bool all_jpeg() const { return std::ranges::all_of(encoded_, is_jpeg); }

  IoRate decode() const {
    return pass([&] {
      for (const EncodedImage& image : encoded_) decode_image(image.bytes, options_.stream.channels);
    });
  }
  IoRate decode_on_all(ThreadTeam& team) const {
    return pass([&] {
      team.for_each_part(0, count_.images, [&](int, int64_t first, int64_t last) {
        for (int64_t i = first; i < last; ++i) decode_image(encoded_[i].bytes, options_.stream.channels);
      });
    });
  }
  IoRate decode_bare() {
    return pass([&] {
      for (const EncodedImage& image : encoded_) floor_.decode(image.bytes);
    });
  }
  IoRate augment_all() const {
    return pass([&] {
      for (int64_t i = 0; i < std::ssize(images_); ++i) {
        Image image = resize(images_[i], options_.stream.height, options_.stream.width);
        RandomStream random(options_.stream.seed, Purpose::kAugmentation, 0, i);
        augment(image, options_.augment, random);
      }
    });
  }

 private:
  IoRate pass(const std::function<void()>& work) const {
    const auto began = Clock::now();
    work();
    return rate_of(count_, seconds_since(began));
  }

  const LoaderOptions& options_;
  JpegFloor floor_;
  std::vector<EncodedImage> encoded_;
  std::vector<Image> images_;
  Count count_;
};

IoRate loader_pass(Loader& loader, double image_bytes, double seconds) {
  Batch batch;
  Count count;
  // Those made ahead while something else was measured do not count.
  for (int i = 0; i < kWarmBatches; ++i) loader.next(batch);
  const auto began = Clock::now();
  while (seconds_since(began) < seconds) {
    loader.next(batch);
    count.images += batch.count;
  }
  count.bytes = static_cast<uint64_t>(static_cast<double>(count.images) * image_bytes);
  return rate_of(count, seconds_since(began));
}

// All in turn, several rounds, so that each meets the same disturbances.
void measure_cores(const IoOptions& options, const std::shared_ptr<const ImageSource>& source,
                   IoFigures& figures) {
  Arithmetic arithmetic(options.loader, *source);
  const bool all_jpeg = arithmetic.all_jpeg();
  ThreadTeam team(options.loader.threads);
  std::vector<IoRate> decode, bare, on_all, augment, loader;
  LoaderOptions plain = options.loader;
  plain.shards.reset();  // the images are few, and in memory
  plain.prefetch = std::min(plain.prefetch, kWarmBatches);
  for (int round = 0; round < kLoaderRounds; ++round) {
    const auto began = Clock::now();
    do {
      decode.push_back(arithmetic.decode());
      if (all_jpeg) bare.push_back(arithmetic.decode_bare());
      on_all.push_back(arithmetic.decode_on_all(team));
      augment.push_back(arithmetic.augment_all());
    } while (seconds_since(began) < options.seconds / kLoaderRounds);
    Loader running(source, plain);
    loader.push_back(loader_pass(running, figures.image_bytes, options.seconds / kLoaderRounds));
  }
  figures.decode = median_of(decode), figures.augment = median_of(augment),
  figures.loader = median_of(loader);
  figures.decode_on_all = median_of(on_all);
  if (all_jpeg) figures.bare_decode = median_of(bare);
}

}  // namespace

IoFigures measure_io(const IoOptions& given) {
  const std::shared_ptr<const ImageSource> source = std::make_shared<RecordSource>(given.rec);
  IoOptions options = given;
  if (options.by_shards)
    options.loader.shards = shards_of(*source, options.shard_bytes, options.window_shards);
  IoFigures figures{
      .images = source->size(),
      .image_bytes = static_cast<double>(source->file_bytes()) / static_cast<double>(source->size())};
  if (!is_in_memory(options.rec)) figures.disk = measure_disk(options, source);

  const SampleOrder full(source->size(), options.loader.stream.seed);
  const auto first = std::make_shared<FirstImages>(source, full);
  const SampleOrder in_turn(first->size(), 0, false);
  figures.memory =
      read_in_order(first, in_turn, nullptr, INT64_MAX / 2, options.loader.threads, options.seconds);
  measure_cores(options, first, figures);
  return figures;
}

}  // namespace partialfc
