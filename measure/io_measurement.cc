#include "measure/io_measurement.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "partialfc/base/cores.h"
#include "partialfc/base/error.h"
#include "partialfc/data/record_source.h"
#include "trainer/world_batch.h"

namespace partialfc {

namespace {

constexpr int64_t kHeldImages = 1000;        // those that are decoded again and again …
constexpr uint64_t kHeldBytes = 64'000'000;  // … or fewer, of so many bytes

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

}  // namespace

IoOptions io_options_of(const Recipe& recipe, int wanted_threads) {
  const Recipe::Data& data = recipe.data;
  if (data.source == "synthetic") fail_usage("data.source = 'synthetic' has no input to measure");
  IoOptions options{.rec = find_record_file(data.path),
                    .by_shards = data.order == "shards",
                    .shard_bytes = data.shard_megabytes * 1'000'000,
                    .window_shards = data.window_shards};
  if (options.rec.empty())
    fail_usage("{}: only a .rec file is measured: make one with `partialfc pack {} OUT`", data.path,
               data.path);
  const int64_t threads = wanted_threads > 0 ? wanted_threads : data.threads;
  options.loader = {.stream = {.height = static_cast<int>(data.height),
                               .width = static_cast<int>(data.width),
                               .channels = static_cast<int>(data.channels),
                               .global_batch = batch_in_world(recipe, 1).global,
                               .seed = static_cast<uint64_t>(recipe.train.seed)},
                    .augment = recipe.augment,
                    .shuffle = data.shuffle,
                    .threads = threads > 0 ? static_cast<int>(threads) : std::max(1, usable_cores() / 2),
                    .prefetch = static_cast<int>(data.prefetch)};
  return options;
}

IoFigures measure_io(const IoOptions& options) {
  const std::shared_ptr<const ImageSource> source = std::make_shared<RecordSource>(options.rec);
  LoaderOptions loader = options.loader;
  if (options.by_shards) loader.shards = shards_of(*source, options.shard_bytes, options.window_shards);
  IoFigures figures{
      .images = source->size(),
      .image_bytes = static_cast<double>(source->file_bytes()) / static_cast<double>(source->size())};
  if (!is_in_memory(options.rec)) figures.disk = measure_disk(options.rec, source, loader, options.seconds);
  const auto first = std::make_shared<FirstImages>(source, SampleOrder(source->size(), loader.stream.seed));
  figures.memory = measure_memory(first, loader.threads, options.seconds);
  figures.decoding = measure_decoding(first, loader, options.seconds);
  return figures;
}

IoBound io_bound(const IoFigures& figures, int threads, double needs) {
  const double loader = figures.decoding.loader.images_per_second;
  const double disk = figures.disk ? figures.disk->in_order.images_per_second : loader;
  const std::string threads_make =
      fmt::format("{} loader thread{}", threads, threads == 1 ? " makes" : "s make");
  const std::string found =
      figures.disk ? fmt::format("the disk gives {:.0f} images/s, {} {:.0f}", disk, threads_make, loader)
                   : fmt::format("the file is in memory, {} {:.0f} images/s", threads_make, loader);
  if (needs > 0 && needs <= std::min(disk, loader))
    return {"training", fmt::format("training bounds the run: it takes {:.0f} images/s; {}", needs, found)};
  const std::string needed = needs > 0 ? fmt::format(" of the {:.0f} that training could take", needs) : "";
  if (disk < loader)
    return {"disk", fmt::format("the disk bounds the input: {}{}. data.cache = \"ram\" reads it once, "
                                "data.order = \"shards\" forward",
                                found, needed)};
  return {"cores", fmt::format("decoding and augmentation bound the input: {}{}. "
                               "More threads help, and smaller images (partialfc pack --height --width)",
                               found, needed)};
}

}  // namespace partialfc
