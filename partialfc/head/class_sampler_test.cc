#include "partialfc/head/class_sampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "partialfc/base/error.h"

namespace partialfc {
namespace {

std::vector<int64_t> sampled(const ClassSampler& sampler, int64_t step, Range blocks,
                             const std::vector<int64_t>& positives, int threads = 1) {
  ThreadTeam team(threads);
  std::vector<int64_t> active;
  sampler.sample(step, blocks, positives, active, team);
  return active;
}

TEST(ClassSampler, TakesAllPositivesAndFillsUpTheShare) {
  const ClassPlacement placement(100000, 1);
  const ClassSampler sampler(placement, 0.1, 5);
  const std::vector<int64_t> positives = {0, 17, 1800, 4242, 99999};  // at most two in a block
  const auto active = sampled(sampler, 3, {0, 4096}, positives);
  EXPECT_EQ(active.size(), 10000u);
  const std::set<int64_t> distinct(active.begin(), active.end());
  EXPECT_EQ(distinct.size(), active.size());
  EXPECT_GE(*distinct.begin(), 0);
  EXPECT_LT(*distinct.rbegin(), 100000);
  for (int64_t positive : positives) EXPECT_TRUE(distinct.contains(positive));
}

TEST(ClassSampler, PositivesBeyondTheShareEnlargeTheSet) {
  const ClassPlacement placement(1000, 1);  // blocks of one position
  const ClassSampler sampler(placement, 0.01, 5);
  std::vector<int64_t> positives;
  for (int64_t position = 0; position < 500; ++position) positives.push_back(position);
  const auto active = sampled(sampler, 0, {0, 1000}, positives);
  EXPECT_EQ(active.size(), 505u);  // 500 positives, and the five shares that fall on the other half
}

TEST(ClassSampler, RateOneTakesEveryClass) {
  const ClassPlacement placement(5000, 1);
  const auto active = sampled(ClassSampler(placement, 1.0, 5), 0, {0, 4096}, {7});
  EXPECT_EQ(active.size(), 5000u);
}

TEST(ClassSampler, DoesNotDependOnRanksOrThreads) {
  const ClassPlacement placement(50000, 1);
  const ClassSampler sampler(placement, 0.05, 5);
  const std::vector<int64_t> positives = {5, 30000, 49000};
  const auto whole = sampled(sampler, 9, {0, 4096}, positives);
  EXPECT_EQ(whole, sampled(sampler, 9, {0, 4096}, positives, 3));
  std::vector<int64_t> joined;
  for (int rank = 0; rank < 3; ++rank) {
    const Range blocks = placement.blocks_of_rank(rank, 3);
    const Range owned = placement.positions_of_blocks(blocks);
    std::vector<int64_t> here;
    for (int64_t p : positives)
      if (p >= owned.first && p < owned.last) here.push_back(p);
    const auto part = sampled(sampler, 9, blocks, here);
    joined.insert(joined.end(), part.begin(), part.end());
  }
  EXPECT_EQ(whole, joined);
  EXPECT_NE(whole, sampled(sampler, 10, {0, 4096}, positives));
}

// Each negative equally often, and pairs of one block independently, over steps.
TEST(ClassSampler, NegativesAreUniform) {
  const ClassPlacement placement(4096 * 24, 1);
  const ClassSampler sampler(placement, 0.25, 5);  // 6 of a block's 24
  const int steps = 20000;
  std::vector<int> hits(24), pairs(24 * 24);
  for (int step = 0; step < steps; ++step) {
    const auto active = sampled(sampler, step, {10, 11}, {});
    ASSERT_EQ(active.size(), 6u);
    for (int64_t a : active) {
      ++hits[a - 240];
      for (int64_t b : active) pairs[(a - 240) * 24 + b - 240] += a < b;
    }
  }
  const double expected_hit = steps * 0.25, expected_pair = steps * (6.0 * 5) / (24 * 23);
  double chi_hits = 0, chi_pairs = 0;
  for (int count : hits) chi_hits += std::pow(count - expected_hit, 2) / (expected_hit * 0.75);
  for (int a = 0; a < 24; ++a)
    for (int b = a + 1; b < 24; ++b)
      chi_pairs += std::pow(pairs[a * 24 + b] - expected_pair, 2) / expected_pair;
  EXPECT_LT(chi_hits, 23 + 5 * std::sqrt(46.0));
  EXPECT_LT(chi_pairs, 276 + 5 * std::sqrt(2 * 276.0));
}

TEST(ClassSampler, RatesOutsideTheirRangeAreRefused) {
  const ClassPlacement placement(10, 1);
  for (double rate : {0.0, -0.1, 1.1, std::nan("")})
    EXPECT_THROW(ClassSampler(placement, rate, 1), UsageError);
}

}  // namespace
}  // namespace partialfc
