#include "partialfc/eval/roc.h"

#include <gtest/gtest.h>

#include <cmath>

#include "partialfc/base/random.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

struct Pairs {
  std::vector<float> scores;
  std::vector<uint8_t> same;
};

// Scores on a coarse grid, so that there are many ties; same pairs score higher on average.
Pairs random_pairs(int64_t count, uint64_t seed) {
  Pairs pairs;
  RandomStream random(seed, Purpose::kSyntheticData);
  for (int64_t i = 0; i < count; ++i) {
    const bool same = i == 0 || (i != 1 && random.bernoulli(0.3));
    pairs.same.push_back(same);
    pairs.scores.push_back(static_cast<float>(random.below(20) + (same ? random.below(15) : 0)));
  }
  return pairs;
}

// Rates at a threshold, by definition.
double rate(const Pairs& pairs, bool same, float threshold) {
  double accepted = 0, all = 0;
  for (size_t i = 0; i < pairs.scores.size(); ++i) {
    if (static_cast<bool>(pairs.same[i]) != same) continue;
    accepted += pairs.scores[i] >= threshold;
    ++all;
  }
  return accepted / all;
}

TEST(Roc, TarAtFarByTrialOfAllThresholds) {
  for (const int64_t count : {2, 3, 10, 500}) {
    const Pairs pairs = random_pairs(count, count);
    const Roc roc(pairs.scores, pairs.same);
    for (const double far : {0.0, 1e-3, 0.01, 0.1, 0.5, 0.9, 1.0}) {
      double best = 0;
      for (float threshold = 0; threshold < 40; ++threshold)
        if (rate(pairs, false, threshold) <= far) best = std::max(best, rate(pairs, true, threshold));
      EXPECT_EQ(roc.tar_at_far(far), best) << count << " pairs, FAR " << far;
    }
  }
}

TEST(Roc, TarAtFarCountsFalseAcceptsExactly) {
  // 3000 different pairs score 1 … 3000 and one same pair scores k + 0.5: 3000 − k false accepts let it in.
  std::vector<float> scores(3001);
  std::vector<uint8_t> same(3001);
  for (int i = 0; i < 3000; ++i) scores[i] = static_cast<float>(i + 1);
  same[3000] = 1;
  for (int allowed = 0; allowed <= 3000; ++allowed) {
    scores[3000] = static_cast<float>(3000 - allowed) + 0.5f;
    const Roc roc(scores, same);
    const double far = allowed / 3000.0;
    ASSERT_EQ(roc.tar_at_far(far), 1) << allowed;
    if (allowed > 0) {
      ASSERT_EQ(roc.tar_at_far(std::nextafter(far, 0)), 0) << allowed;
    }
  }
  scores[3000] = 2997.5f;
  EXPECT_EQ(Roc(scores, same).tar_at_far(1e-3), 1);  // 3 of 3000
}

TEST(Roc, AucCountsWonComparisons) {
  for (const int64_t count : {2, 3, 10, 500}) {
    const Pairs pairs = random_pairs(count, count + 1);
    double won = 0, all = 0;
    for (int64_t i = 0; i < count; ++i)
      for (int64_t j = 0; j < count; ++j)
        if (pairs.same[i] && !pairs.same[j]) {
          won += pairs.scores[i] > pairs.scores[j] ? 1 : pairs.scores[i] == pairs.scores[j] ? 0.5 : 0;
          ++all;
        }
    EXPECT_DOUBLE_EQ(Roc(pairs.scores, pairs.same).auc(), won / all);
  }
}

TEST(Roc, EqualErrorRate) {
  using Same = std::vector<uint8_t>;
  using Scores = std::vector<float>;
  EXPECT_EQ(Roc(Scores{2, 1}, Same{1, 0}).equal_error_rate(), 0);
  EXPECT_EQ(Roc(Scores{1, 2}, Same{1, 0}).equal_error_rate(), 1);
  EXPECT_EQ(Roc(Scores{1, 1}, Same{1, 0}).equal_error_rate(), 0.5);
  // Accepted: d, s s s, d d d, s: at the third step FAR 1/4 = 1 − TAR.
  EXPECT_EQ(Roc(Scores{8, 7, 6, 5, 4, 3, 2, 1}, Same{0, 1, 1, 1, 0, 0, 0, 1}).equal_error_rate(), 0.25);
  // (FAR, FRR) goes from (0, 1) over (0, 1/2) to (2/3, 1/2) and (1, 0): on the second line they meet at 1/2.
  EXPECT_DOUBLE_EQ(Roc(Scores{4, 3, 3, 2, 2}, Same{1, 0, 0, 0, 1}).equal_error_rate(), 0.5);
  // From (0, 1) straight to (1/2, 0): they meet where x = 1 − 2x.
  EXPECT_DOUBLE_EQ(Roc(Scores{3, 3, 2}, Same{1, 0, 0}).equal_error_rate(), 1.0 / 3);
}

TEST(Roc, InfinitiesAreScores) {
  const std::vector<float> scores = {INFINITY, -INFINITY, -INFINITY};
  const std::vector<uint8_t> same = {1, 1, 0};
  const Roc roc(scores, same);
  EXPECT_EQ(roc.tar_at_far(0), 0.5);
  EXPECT_EQ(roc.auc(), 0.75);
  EXPECT_DOUBLE_EQ(roc.equal_error_rate(), 1.0 / 3);  // from (0, 1/2) to (1, 0)
}

TEST(Roc, WhatCannotBeMeasuredSaysSo) {
  const auto message = [](std::vector<float> scores, std::vector<uint8_t> same) {
    return message_of([&] { Roc(scores, same); });
  };
  EXPECT_EQ(message({1, NAN}, {0, 1}), "the score of pair 1 is not a number");
  EXPECT_EQ(message({1, 2}, {1, 1}), "2 same pairs and 0 different pairs: need at least one of each");
  EXPECT_EQ(message({}, {}), "0 same pairs and 0 different pairs: need at least one of each");
  EXPECT_THROW(message({1}, {1, 0}), InternalError);
}

}  // namespace
}  // namespace partialfc
