#include "measure/decode_rates.h"

#include <algorithm>
#include <functional>
#include <vector>

#include "measure/jpeg_floor.h"
#include "partialfc/base/error.h"
#include "partialfc/base/parallel.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/resize.h"

namespace partialfc {

namespace {

constexpr int kLoaderRounds = 5;
constexpr int kWarmBatches = 4;

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
  double image_bytes() const {
    return static_cast<double>(count_.bytes) / static_cast<double>(count_.images);
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
    const auto began = IoClock::now();
    work();
    return rate_of(count_, seconds_since(began));
  }

  const LoaderOptions& options_;
  JpegFloor floor_;
  std::vector<EncodedImage> encoded_;
  std::vector<Image> images_;
  IoCount count_;
};

IoRate loader_pass(Loader& loader, double image_bytes, double seconds) {
  Batch batch;
  IoCount count;
  // Those made ahead while something else was measured do not count.
  for (int i = 0; i < kWarmBatches; ++i) loader.next(batch);
  const auto began = IoClock::now();
  while (seconds_since(began) < seconds) {
    loader.next(batch);
    count.images += batch.count;
  }
  count.bytes = static_cast<uint64_t>(static_cast<double>(count.images) * image_bytes);
  return rate_of(count, seconds_since(began));
}

}  // namespace

DecodeRates measure_decoding(const std::shared_ptr<const ImageSource>& source, const LoaderOptions& options,
                             double seconds) {
  Arithmetic arithmetic(options, *source);
  const bool all_jpeg = arithmetic.all_jpeg();
  ThreadTeam team(options.threads);
  std::vector<IoRate> decode, bare, on_all, augment, loader;
  LoaderOptions plain = options;
  plain.shards.reset();  // the images are few, and in memory
  plain.prefetch = std::min(plain.prefetch, kWarmBatches);
  for (int round = 0; round < kLoaderRounds; ++round) {
    const auto began = IoClock::now();
    do {
      decode.push_back(arithmetic.decode());
      if (all_jpeg) bare.push_back(arithmetic.decode_bare());
      on_all.push_back(arithmetic.decode_on_all(team));
      augment.push_back(arithmetic.augment_all());
    } while (seconds_since(began) < seconds / kLoaderRounds);
    Loader running(source, plain);
    loader.push_back(loader_pass(running, arithmetic.image_bytes(), seconds / kLoaderRounds));
  }
  DecodeRates rates{.decode = median_of(decode),
                    .augment = median_of(augment),
                    .decode_on_all = median_of(on_all),
                    .loader = median_of(loader)};
  if (all_jpeg) rates.bare_decode = median_of(bare);
  return rates;
}

}  // namespace partialfc
