#include "partialfc/data/loader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "partialfc/data/image_codec.h"
#include "partialfc/data/record_source.h"
#include "partialfc/data/test_files.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

// Sample i is a 4 × 5 gray image of the value i, label i % 10.
class NumberedImages : public ImageSource {
 public:
  explicit NumberedImages(int64_t size) {
    for (int64_t i = 0; i < size; ++i)
      images_.push_back({.bytes = encode_png(Image(4, 5, 1, static_cast<uint8_t>(i))), .label = i % 10});
  }
  int64_t size() const override { return static_cast<int64_t>(images_.size()); }
  int64_t num_classes() const override { return 10; }
  EncodedImage read(int64_t index) const override {
    if (broken_.contains(index)) throw SampleError(describe(index) + ": " + broken_.at(index));
    if (index == crash_at_) throw std::runtime_error("the disk is on fire");
    return images_[index];
  }
  std::string describe(int64_t index) const override { return "image " + std::to_string(index); }

  EncodedImage& image(int64_t index) { return images_[index]; }
  void set_broken(int64_t index, std::string reason) { broken_[index] = std::move(reason); }
  void set_crash_at(int64_t index) { crash_at_ = index; }

 private:
  std::vector<EncodedImage> images_;
  std::map<int64_t, std::string> broken_;
  int64_t crash_at_ = -1;
};

LoaderOptions options_for(int64_t global_batch) {
  LoaderOptions options;
  options.stream = {.height = 4, .width = 5, .channels = 1, .global_batch = global_batch, .seed = 3};
  return options;
}

struct Rows {
  std::vector<uint8_t> pixels;
  std::vector<int64_t> labels;
  bool operator==(const Rows&) const = default;
};

// The first `batches` global batches of `world_size` ranks, put together again.
Rows take(std::shared_ptr<const ImageSource> source, LoaderOptions options, int64_t batches) {
  std::vector<std::unique_ptr<Loader>> ranks;
  for (options.stream.rank = 0; options.stream.rank < options.stream.world_size; ++options.stream.rank)
    ranks.push_back(std::make_unique<Loader>(source, options));
  Rows rows;
  Batch batch;
  for (int64_t b = 0; b < batches; ++b)
    for (auto& loader : ranks) {
      loader->next(batch);
      EXPECT_EQ(batch.position, options.stream.start_position + b * options.stream.global_batch);
      EXPECT_EQ(batch.labels.size(), static_cast<size_t>(batch.count));
      rows.pixels.insert(rows.pixels.end(), batch.pixels.begin(), batch.pixels.end());
      rows.labels.insert(rows.labels.end(), batch.labels.begin(), batch.labels.end());
    }
  return rows;
}

TEST(Loader, RowsAreTheSamplesOfTheOrder) {
  const auto source = std::make_shared<NumberedImages>(23);
  const SampleOrder order(23, 3);
  const Rows rows = take(source, options_for(8), 9);  // three epochs and a bit
  ASSERT_EQ(rows.labels.size(), 72u);
  for (int64_t position = 0; position < 72; ++position) {
    const int64_t sample = order.sample(position);
    EXPECT_EQ(rows.labels[position], sample % 10);
    for (int i = 0; i < 20; ++i) EXPECT_EQ(rows.pixels[position * 20 + i], sample);
  }
}

TEST(Loader, RowsDependOnNeitherThreadsNorPrefetchNorRanks) {
  const auto source = std::make_shared<NumberedImages>(50);
  LoaderOptions options = options_for(13);
  options.augment = {.mirror = 0.5, .rotate = 20, .brightness = 0.5};
  const Rows expected = take(source, options, 10);
  for (int threads : {1, 2, 5})
    for (int prefetch : {1, 3})
      for (int world_size : {1, 2, 3, 16}) {  // 16: some ranks have no rows at all
        options.threads = threads, options.prefetch = prefetch;
        options.stream.world_size = world_size;
        EXPECT_EQ(take(source, options, 10), expected) << threads << prefetch << world_size;
      }
}

TEST(Loader, ResumesAtAnyPosition) {
  const auto source = std::make_shared<NumberedImages>(50);
  LoaderOptions options = options_for(1);
  options.augment.rotate = 20;
  const Rows all = take(source, options, 70);
  options.stream = options_for(6).stream;  // another batch, other ranks, from the 34th sample
  options.stream.world_size = 2;
  options.stream.start_position = 34;
  const Rows rest = take(source, options, 6);
  EXPECT_TRUE(std::equal(rest.labels.begin(), rest.labels.end(), all.labels.begin() + 34));
  EXPECT_TRUE(std::equal(rest.pixels.begin(), rest.pixels.end(), all.pixels.begin() + 34 * 20));
}

TEST(Loader, ByShardsRowsAreThoseOfTheOrderWhateverThreadsAndRanks) {
  const auto source = std::make_shared<NumberedImages>(50);
  const ShardOptions shards{.shard_samples = 7, .window_shards = 3};
  const SampleOrder order(50, 3, true, shards);
  LoaderOptions options = options_for(13);
  options.shards = shards;
  for (const int threads : {1, 3})
    for (const int world_size : {1, 2, 16}) {
      options.threads = threads, options.stream.world_size = world_size;
      options.stream.start_position = 26;  // in the middle of a window
      const Rows rows = take(source, options, 9);
      for (int64_t row = 0; row < 9 * 13; ++row) EXPECT_EQ(rows.pixels[row * 20], order.sample(26 + row));
    }
}

TEST(Loader, OptionsReachTheRows) {
  const auto source = std::make_shared<NumberedImages>(7);
  LoaderOptions options = options_for(7);
  options.shuffle = false;
  options.stream.height = 8, options.stream.width = 3, options.stream.channels = 3;
  const Rows rows = take(source, options, 1);
  ASSERT_EQ(rows.pixels.size(), 7u * 8 * 3 * 3);  // resized, made RGB
  for (int i = 0; i < 7; ++i) EXPECT_EQ(rows.pixels[i * 72 + 71], i);
  EXPECT_EQ(rows.labels, (std::vector<int64_t>{0, 1, 2, 3, 4, 5, 6}));

  options.num_classes = 5;
  EXPECT_EQ(take(source, options, 1).labels, (std::vector<int64_t>{0, 1, 2, 3, 4, -1, -1}));
  options.stream.seed = 4;
  options.num_classes = 0;
  options.augment.brightness = 0.9;
  const Rows first = take(source, options, 2);
  EXPECT_FALSE(std::equal(first.pixels.begin(), first.pixels.begin() + 504, first.pixels.begin() + 504))
      << "augmentation differs by epoch";
}

TEST(Loader, SkippedImagesAreCountedByKindAndNamed) {
  const auto source = std::make_shared<NumberedImages>(20);
  source->set_broken(3, "cannot open");
  source->image(5).label = 10;
  source->image(6).label = -2;
  source->image(7).bytes.resize(30);
  auto options = options_for(10);
  options.shuffle = false;
  options.threads = 3;
  Loader loader(source, options);
  Batch batch;
  loader.next(batch);
  EXPECT_EQ(batch.labels, (std::vector<int64_t>{0, 1, 2, -1, 4, -1, -1, -1, 8, 9}));
  for (int row = 0; row < 10; ++row) EXPECT_EQ(batch.pixels[row * 20 + 19], batch.labels[row] < 0 ? 0 : row);
  const SkipReport& report = loader.skipped();
  EXPECT_EQ(report.seen(), 10);
  EXPECT_EQ(report.skipped(), 4);
  EXPECT_EQ(report.skipped(SkipKind::kUnreadable), 1);
  EXPECT_EQ(report.skipped(SkipKind::kBadLabel), 2);
  EXPECT_EQ(report.skipped(SkipKind::kUndecodable), 1);
  ASSERT_EQ(report.examples().size(), 4u);
  EXPECT_EQ(report.examples()[0], "image 3: cannot open");
  EXPECT_EQ(report.examples()[1], "image 5: label 10 is outside 0 … 9");
  EXPECT_EQ(report.examples()[3],
            "image 7: the PNG image is damaged or of an unsupported kind: it is cut short");
  loader.next(batch);
  EXPECT_EQ(loader.skipped().skipped(), 4);
  for (int row = 0; row < 10; ++row) EXPECT_EQ(batch.pixels[row * 20], row + 10);
}

// Of a .rec: fractions, what float32 cannot tell from its neighbours, and what is no number at all.
TEST(Loader, LabelsThatAreNoClassNumbersAreCountedAsBadLabels) {
  const ScratchFolder folder;
  RecordWriter writer(folder / "train.rec", folder / "train.idx");
  const std::vector<std::byte> image = encode_png(Image(4, 5, 1, 7));
  uint64_t key = 0;
  for (const float label : {0.0f, 0.5f, 1e20f, NAN})
    writer.write(key++, build_image_record({.labels = {label}, .image = image}));
  writer.close();
  LoaderOptions options = options_for(4);
  options.shuffle = false;
  Loader loader(std::make_shared<RecordSource>(folder / "train.rec"), options);
  Batch batch;
  loader.next(batch);
  EXPECT_EQ(batch.labels, (std::vector<int64_t>{0, -1, -1, -1}));
  EXPECT_EQ(loader.skipped().skipped(SkipKind::kBadLabel), 3);
  EXPECT_EQ(loader.skipped().skipped(), 3);
  EXPECT_THAT(loader.skipped().examples()[0], HasSubstr("train.rec, key 1: label 0.5 is not a class number"));
}

TEST(Loader, TooManySkippedImagesAreAnError) {
  const auto source = std::make_shared<NumberedImages>(200);
  for (int64_t i = 50; i < 151; ++i) source->set_broken(i, "cannot open");
  auto options = options_for(200);
  options.shuffle = false;
  options.max_skipped = 0.5;
  Loader loader(source, options);
  Batch batch;
  EXPECT_ERROR(loader.next(batch), "101 of 200 images skipped: 101 unreadable");
  EXPECT_ERROR(loader.next(batch), "image 50: cannot open");
  options.max_skipped = 0.51;
  Loader lenient(source, options);
  lenient.next(batch);
  EXPECT_EQ(lenient.skipped().skipped(), 101);
  EXPECT_EQ(lenient.skipped().examples().size(), SkipReport::kMaxExamples);
}

// In 300 epochs each rank meets the damaged image more often than would be borne.
TEST(Loader, AnImageSkippedInEveryEpochCountsOnce) {
  const auto source = std::make_shared<NumberedImages>(9);
  source->set_broken(5, "cannot open");
  for (int world_size : {1, 2}) {
    auto options = options_for(9);
    options.stream.world_size = world_size;
    Loader loader(source, options);
    Batch batch;
    int64_t met = 0;
    for (int epoch = 0; epoch < 300; ++epoch) {
      loader.next(batch);
      met += std::count(batch.labels.begin(), batch.labels.end(), -1);
    }
    EXPECT_GT(met, SkipReport::kAlwaysAllowed);
    EXPECT_EQ(loader.skipped().skipped(), 1);
    EXPECT_EQ(loader.skipped().seen(), 9);
    EXPECT_EQ(loader.skipped().examples(), std::vector<std::string>{"image 5: cannot open"});
  }
}

TEST(Loader, WhatGoesWrongInAThreadSurfacesInNext) {
  const auto source = std::make_shared<NumberedImages>(100);
  source->set_crash_at(50);
  auto options = options_for(10);
  options.shuffle = false;
  options.threads = 4;
  Loader loader(source, options);
  Batch batch;
  EXPECT_THROW(
      {
        for (int i = 0; i < 6; ++i) loader.next(batch);
      },
      std::runtime_error);
  EXPECT_THROW(loader.next(batch), std::runtime_error);
}

TEST(Loader, StopsWhileBatchesAreBeingMade) {
  const auto source = std::make_shared<NumberedImages>(100);
  auto options = options_for(64);
  options.threads = 3;
  for (int i = 0; i < 50; ++i) {
    Loader loader(source, options);
    Batch batch;
    if (i % 2 == 0) loader.next(batch);
    EXPECT_GE(loader.wait_seconds(), 0);
  }
}

TEST(Loader, BadOptionsAreRefused) {
  const auto source = std::make_shared<NumberedImages>(1);
  const auto open = [&](auto&& change) {
    LoaderOptions options = options_for(2);
    change(options);
    Loader(source, options);
  };
  EXPECT_ERROR(open([](auto& o) { o.threads = 0; }), "0 loader threads");
  EXPECT_ERROR(open([](auto& o) { o.prefetch = 0; }), "prefetch of 0");
  EXPECT_ERROR(open([](auto& o) { o.stream.channels = 2; }), "2 image channels");
  EXPECT_ERROR(open([](auto& o) { o.stream.width = 0; }), "4 × 0 pixels");
  EXPECT_ERROR(open([](auto& o) { o.stream.global_batch = 0; }), "global batch of 0");
  EXPECT_ERROR(open([](auto& o) { o.augment.mirror = 2; }), "mirror is 2");
}

}  // namespace
}  // namespace partialfc
