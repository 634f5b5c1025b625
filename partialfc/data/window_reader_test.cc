#include "partialfc/data/window_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

// Notes the ranges that are read ahead.
class Noted : public ImageSource {
 public:
  explicit Noted(int64_t size, uint64_t file_bytes = 1) : size_(size), file_bytes_(file_bytes) {}
  int64_t size() const override { return size_; }
  int64_t num_classes() const override { return 1; }
  EncodedImage read(int64_t) const override { return {}; }
  std::string describe(int64_t) const override { return "faces/anna/1.jpg"; }
  uint64_t file_bytes() const override { return file_bytes_; }
  void read_ahead(Range images) const override {
    const std::lock_guard lock(mutex_);
    ranges_.push_back(images);
  }
  std::vector<Range> ranges() const {
    const std::lock_guard lock(mutex_);
    return ranges_;
  }
  // Until `count` ranges have been read, or it takes too long.
  std::vector<Range> wait_for(size_t count) const {
    for (int i = 0; i < 2000 && ranges().size() < count; ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return ranges();
  }

 private:
  const int64_t size_;
  const uint64_t file_bytes_;
  mutable std::mutex mutex_;
  mutable std::vector<Range> ranges_;
};

SampleOrder order_of(int64_t size) {
  return {size, 3, true, ShardOptions{.shard_samples = 10, .window_shards = 2}};
}

std::vector<Range> windows(const SampleOrder& order,
                           std::vector<std::pair<int64_t, int64_t>> epoch_and_window) {
  std::vector<Range> ranges;
  for (const auto& [epoch, window] : epoch_and_window)
    for (const Range shard : order.shard_order(epoch).shards_of(window)) ranges.push_back(shard);
  return ranges;
}

void expect_equal(const std::vector<Range>& a, const std::vector<Range>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t i = 0; i < a.size(); ++i) {
    EXPECT_EQ(a[i].first, b[i].first);
    EXPECT_EQ(a[i].last, b[i].last);
  }
}

// 60 samples, three windows of two shards an epoch.
TEST(WindowReader, ReadsTheWindowInUseAndTheNextOneAndNoMore) {
  const auto source = std::make_shared<Noted>(60);
  const SampleOrder order = order_of(60);
  WindowReader reader(source, order, 25, 0);  // in the second window
  reader.wait_for(25);
  expect_equal(source->wait_for(4), windows(order, {{0, 1}, {0, 2}}));
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(source->ranges().size(), 4u) << "read ahead of what was asked for";
  reader.wait_for(39);  // still the second
  reader.wait_for(21);
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  EXPECT_EQ(source->ranges().size(), 4u);
  reader.wait_for(40);
  expect_equal(source->wait_for(6), windows(order, {{0, 1}, {0, 2}, {1, 0}}));  // the next epoch's first
  reader.wait_for(60);
  expect_equal(source->wait_for(8), windows(order, {{0, 1}, {0, 2}, {1, 0}, {1, 1}}));
}

TEST(WindowReader, StopEndsAllWaits) {
  const auto source = std::make_shared<Noted>(60);
  WindowReader reader(source, order_of(60), 0, 0);
  std::thread waiting([&] { reader.wait_for(6'000'000); });  // far ahead
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  reader.stop();
  waiting.join();
  reader.wait_for(12'000'000);
}

TEST(ShardsOf, HaveTheBytesAskedFor) {
  const Noted source(1000, 2'000'000);  // images of 2,000 bytes
  EXPECT_EQ(shards_of(source, 64'000, 5).shard_samples, 32);
  EXPECT_EQ(shards_of(source, 64'000, 5).window_shards, 5);
  EXPECT_EQ(shards_of(source, 1, 5).shard_samples, 1);
  EXPECT_THAT(message_of([] { shards_of(Noted(1000, uint64_t{1} << 50), int64_t{1} << 40, 16); }),
              HasSubstr("two windows of 16 shards of 1099.512 GB take 35184.372 GB, and "));
  const std::string refusal = message_of([] { shards_of(Noted(10, 0), 64, 5); });
  EXPECT_THAT(refusal, HasSubstr("faces/anna/1.jpg"));
  EXPECT_THAT(refusal, HasSubstr("partialfc pack"));
}

}  // namespace
}  // namespace partialfc
