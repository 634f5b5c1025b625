#include "partialfc/data/shard_order.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>
#include <vector>

#include "partialfc/data/sample_order.h"

namespace partialfc {
namespace {

std::vector<int64_t> epoch_of(const ShardOrder& order, int64_t size) {
  std::vector<int64_t> samples;
  for (int64_t place = 0; place < size; ++place) samples.push_back(order.sample(place));
  return samples;
}

// Whatever the sizes: full and short last shards, windows of unequal length, one shard, one sample.
TEST(ShardOrder, EverySampleOnceAndWindowsHoldWhatTheySay) {
  for (const int64_t size : {1, 2, 7, 64, 100, 1009})
    for (const int64_t shard_samples : {1, 3, 8, 50, 2000})
      for (const int64_t window_shards : {1, 2, 5, 1000})
        for (const uint64_t key : {1, 2, 3}) {
          const ShardOrder order(size, {shard_samples, window_shards}, key);
          std::vector<int64_t> samples = epoch_of(order, size);
          int64_t window = -1, shards = 0;
          std::set<int64_t> allowed;
          for (int64_t place = 0; place < size; ++place) {
            if (order.window_of(place) != window) {
              ASSERT_EQ(order.window_of(place), window + 1);
              ASSERT_TRUE(allowed.empty()) << "a window ended before its samples";
              ++window;
              const std::vector<Range> now = order.shards_of(window);
              ASSERT_LE(std::ssize(now), window_shards);
              shards += std::ssize(now);
              for (const Range shard : now) {
                ASSERT_LE(shard.size(), shard_samples);
                for (int64_t sample = shard.first; sample < shard.last; ++sample) allowed.insert(sample);
              }
            }
            ASSERT_EQ(allowed.erase(samples[place]), 1u)
                << size << " " << shard_samples << " " << window_shards;
          }
          EXPECT_EQ(window, order.windows() - 1);
          EXPECT_EQ(shards, (size + shard_samples - 1) / shard_samples);
          std::ranges::sort(samples);
          for (int64_t i = 0; i < size; ++i) ASSERT_EQ(samples[i], i);
        }
}

TEST(ShardOrder, WindowsAreOfOneLengthPlusMinusAShard) {
  const ShardOrder order(17 * 10, {10, 16}, 5);  // 17 shards: 8 and 9, not 16 and a single one
  ASSERT_EQ(order.windows(), 2);
  EXPECT_EQ(order.shards_of(0).size(), 8u);
  EXPECT_EQ(order.shards_of(1).size(), 9u);
}

TEST(ShardOrder, KeysShuffleShardsAndSamples) {
  const ShardOrder a(1000, {10, 4}, 1), b(1000, {10, 4}, 2);
  EXPECT_NE(epoch_of(a, 1000), epoch_of(b, 1000));
  EXPECT_EQ(epoch_of(a, 1000), epoch_of(ShardOrder(1000, {10, 4}, 1), 1000));
  std::vector<int64_t> first_shards;
  for (int64_t window = 0; window < a.windows(); ++window)
    first_shards.push_back(a.shards_of(window)[0].first);
  EXPECT_FALSE(std::ranges::is_sorted(first_shards));
}

// All places of a window are as likely for a sample: over many keys, the place of sample 0 within its window of 40 has the
// mean and the deviation of the uniform distribution.
TEST(ShardOrder, AWindowIsMixedUniformly) {
  constexpr int64_t kSize = 80, kWindow = 40;
  constexpr int kKeys = 4000;
  double sum = 0, squares = 0;
  int in_first_window = 0;
  for (uint64_t key = 0; key < kKeys; ++key) {
    const ShardOrder order(kSize, {10, 4}, key);
    for (int64_t place = 0; place < kSize; ++place) {
      if (order.sample(place) != 0) continue;
      const auto in_window = static_cast<double>(place % kWindow);
      sum += in_window, squares += in_window * in_window;
      in_first_window += place < kWindow ? 1 : 0;
    }
  }
  const double mean = sum / kKeys, variance = squares / kKeys - mean * mean;
  const double expected_variance = (kWindow * kWindow - 1) / 12.0;
  EXPECT_NEAR(mean, (kWindow - 1) / 2.0, 5 * std::sqrt(expected_variance / kKeys));
  EXPECT_NEAR(variance / expected_variance, 1, 0.1);
  EXPECT_NEAR(in_first_window, kKeys / 2, 5 * std::sqrt(kKeys / 4.0));
}

TEST(ShardOrder, ALargeSetNeedsNoTable) {
  const int64_t size = 3'000'000'000;
  const ShardOrder order(size, {10'000, 16}, 7);
  for (const int64_t place : {int64_t{0}, int64_t{123'456'789}, size - 1}) {
    const int64_t sample = order.sample(place);
    bool found = false;
    for (const Range shard : order.shards_of(order.window_of(place)))
      found = found || (sample >= shard.first && sample < shard.last);
    EXPECT_TRUE(found);
  }
}

TEST(SampleOrder, ByShardsEachEpochIsAnOrderOfItsOwn) {
  const SampleOrder order(100, 5, true, ShardOptions{.shard_samples = 9, .window_shards = 3});
  const SampleOrder in_turn(100, 5, false, ShardOptions{.shard_samples = 9, .window_shards = 3});
  std::vector<std::vector<int64_t>> epochs(3);
  for (int64_t position = 0; position < 300; ++position) {
    epochs[position / 100].push_back(order.sample(position));
    EXPECT_EQ(in_turn.sample(position), position % 100);
    EXPECT_EQ(order.sample(position), order.shard_order(position / 100).sample(position % 100));
  }
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  for (auto& epoch : epochs) {
    std::ranges::sort(epoch);
    for (int64_t i = 0; i < 100; ++i) EXPECT_EQ(epoch[i], i);
  }
}

}  // namespace
}  // namespace partialfc
