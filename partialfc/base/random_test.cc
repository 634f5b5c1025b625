#include "partialfc/base/random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <set>
#include <vector>

namespace partialfc {
namespace {

// Known answers of Philox4x32-10, published with the generator (kat_vectors of Random123).
TEST(Philox, KnownAnswers) {
  const std::array<uint32_t, 4> zeros = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
  EXPECT_EQ(philox(0, 0, 0), zeros);
  const std::array<uint32_t, 4> ones = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
  EXPECT_EQ(philox(~0ull, ~0ull, ~0ull), ones);
}

TEST(RandomStream, DependsOnEveryPartOfItsKey) {
  std::set<uint64_t> firsts;
  for (uint64_t seed : {1, 2})
    for (Purpose purpose : {Purpose::kDataOrder, Purpose::kAugmentation})
      for (uint64_t a : {0, 1})
        for (uint64_t b : {0, 1}) firsts.insert(RandomStream(seed, purpose, a, b).next_u64());
  EXPECT_EQ(firsts.size(), 16u);
}

TEST(RandomStream, MomentsOfUniformAndNormal) {
  RandomStream stream(7, Purpose::kSyntheticData);
  const int n = 200000;
  double sum = 0, square = 0, uniform = 0;
  for (int i = 0; i < n; ++i) {
    const double x = stream.normal();
    sum += x, square += x * x, uniform += stream.uniform();
  }
  EXPECT_NEAR(sum / n, 0, 5 / std::sqrt(n));
  EXPECT_NEAR(square / n, 1, 5 * std::sqrt(2.0 / n));
  EXPECT_NEAR(uniform / n, 0.5, 5 * std::sqrt(1 / 12.0 / n));
}

TEST(FillNormal, MomentsAndPrefix) {
  std::vector<float> values(100001);
  fill_normal(values, 3, 5, 0.01f);
  double square = 0;
  for (float x : values) square += double{x} * x;
  EXPECT_NEAR(std::sqrt(square / values.size()), 0.01, 1e-4);
  std::vector<float> prefix(7);
  fill_normal(prefix, 3, 5, 0.01f);
  for (size_t i = 0; i < prefix.size(); ++i) EXPECT_EQ(prefix[i], values[i]);
}

class Permutation : public testing::TestWithParam<int64_t> {};

TEST_P(Permutation, IsABijectionWithItsInverse) {
  const int64_t n = GetParam();
  const RandomPermutation permutation(n, 42);
  std::vector<bool> seen(n);
  for (int64_t i = 0; i < n; ++i) {
    const int64_t value = permutation(i);
    ASSERT_GE(value, 0);
    ASSERT_LT(value, n);
    ASSERT_FALSE(seen[value]);
    seen[value] = true;
    ASSERT_EQ(permutation.inverse(value), i);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, Permutation, testing::Values(1, 2, 3, 5, 24, 25, 26, 1000, 4096, 99991));

// Where an element lands must be uniform, and so must the pair of two neighbours' places, over many keys.
TEST(Permutation, PlacesAndPairsAreUniformOverKeys) {
  const int n = 25, keys = 60000;
  std::vector<int> place(n), pair(n * n);
  for (int key = 0; key < keys; ++key) {
    const RandomPermutation permutation(n, static_cast<uint64_t>(key));
    ++place[permutation(7)];
    ++pair[permutation(3) * n + permutation(4)];
  }
  double chi_place = 0, chi_pair = 0;
  for (int count : place) chi_place += std::pow(count - keys / double(n), 2) / (keys / double(n));
  const double expected = keys / double(n * (n - 1));
  for (int i = 0; i < n * n; ++i)
    if (i / n != i % n) chi_pair += std::pow(pair[i] - expected, 2) / expected;
  // Mean k − 1, standard deviation sqrt(2(k − 1)): five of them.
  EXPECT_LT(chi_place, 24 + 5 * std::sqrt(48.0));
  EXPECT_LT(chi_pair, 599 + 5 * std::sqrt(2 * 599.0));
}

}  // namespace
}  // namespace partialfc
