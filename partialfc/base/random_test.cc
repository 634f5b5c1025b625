#include "partialfc/base/random.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>
#include <vector>

#include "partialfc/base/normal_pair.h"

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

// fill_normal's formula in float64.
double normal_number(uint64_t key, uint64_t id, size_t i, double sigma) {
  const auto words = philox(key, i / 4, id);
  const uint32_t a = words[i % 4 / 2 * 2], b = words[i % 4 / 2 * 2 + 1];
  const double radius = sigma * std::sqrt(-2 * std::log(((a >> 8) + 1) * 0x1.0p-24));
  const double angle = (static_cast<int32_t>(b) >> 8) * (std::numbers::pi / 4 * 0x1.0p-23);
  const bool swap = a & 1, negate = a & 2;
  if ((i % 2 == 1) != swap) return radius * std::sin(angle);
  return (negate ? -radius : radius) * std::cos(angle);
}

class FillNormal : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

TEST_P(FillNormal, FollowsItsFormula) {
  for (const size_t n : {0, 1, 3, 4, 7, 16, 31, 32, 63, 64, 65, 127, 512, 4099})
    for (const uint64_t id : {uint64_t{0}, uint64_t{5}, ~uint64_t{0} - 7}) {
      const uint64_t key = 0x123456789abcdef0 + n;
      std::vector<float> values(n + 2, 9.0f);
      fill_normal(std::span(values).subspan(1, n), key, id, 0.01f);
      for (size_t i = 0; i < n; ++i)
        ASSERT_NEAR(values[i + 1], normal_number(key, id, i, 0.01), 1e-6 * 0.01)
            << "number " << i << " of " << n;
      EXPECT_EQ(values.front(), 9.0f);  // nothing before the beginning
      EXPECT_EQ(values.back(), 9.0f);   // or past the end
    }
}

// As a GPU has them, where multiplications and additions are fused: on x86, from AVX2 on (better sets have lower numbers).
TEST_P(FillNormal, IsTheScalarFunctionToTheLastBit) {
  const bool fuses = HWY_ARCH_X86 == 0 || GetParam() <= HWY_AVX2;
  const size_t n = 1 << 16;
  std::vector<float> values(n);
  fill_normal(values, 21, 4, 1.0f);
  for (size_t i = 0; i < n; i += 2) {
    const auto words = philox(21, i / 4, 4);
    float pair[2];
    normal_pair(words[i % 4], words[i % 4 + 1], 1.0f, pair[0], pair[1]);
    for (size_t j = 0; j < 2; ++j)
      if (fuses)
        ASSERT_EQ(values[i + j], pair[j]) << i + j;
      else
        ASSERT_NEAR(values[i + j], pair[j], 4e-7 * std::abs(pair[j])) << i + j;
  }
}

// All the values that u can have.
TEST(NormalPair, LogarithmIsGoodToTwoUnitsInTheLastPlace) {
  double worst = 0;
  for (uint32_t count = 1; count < 1 << 24; ++count) {
    const float u = static_cast<float>(count) * 0x1.0p-24f;
    const double expected = std::log(double{u}), unit = std::ilogb(expected) - 23;
    worst = std::max(worst, std::abs(normal::logarithm(u) - expected) * std::exp2(-unit));
  }
  EXPECT_LE(worst, 2.0);
  EXPECT_EQ(normal::logarithm(1.0f), 0.0f);
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, FillNormal, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const testing::TestParamInfo<int64_t>& info) {
                           return hwy::TargetName(info.param);
                         });

// Means of powers and products are normal themselves: within five of their standard deviations.
TEST(FillNormalStatistics, MomentsTailsAndIndependence) {
  const size_t dim = 512, ids = 4000, n = dim * ids;
  std::vector<float> values(n);
  for (size_t id = 0; id < ids; ++id) fill_normal({&values[id * dim], dim}, 3, id, 1.0f);
  const auto mean_product = [&](auto first, auto second) {
    double sum = 0;
    for (size_t i = 0; i < n - dim; ++i) sum += first(i) * second(i);
    return sum / (n - dim);
  };
  const auto power = [&](int exponent, size_t offset = 0) {
    return [&values, exponent, offset](size_t i) { return std::pow(double{values[i + offset]}, exponent); };
  };
  const auto one = [](size_t) { return 1.0; };
  const double deviation = 1 / std::sqrt(n - dim);
  EXPECT_NEAR(mean_product(power(1), one), 0, 5 * deviation);
  EXPECT_NEAR(mean_product(power(2), one), 1, 5 * std::sqrt(2) * deviation);
  EXPECT_NEAR(mean_product(power(3), one), 0, 5 * std::sqrt(15) * deviation);
  EXPECT_NEAR(mean_product(power(4), one), 3, 5 * std::sqrt(96) * deviation);
  for (const size_t distance : {1, 2, 3, 4, 8, 64, 512}) {
    EXPECT_NEAR(mean_product(power(1), power(1, distance)), 0, 5 * deviation) << distance;
    EXPECT_NEAR(mean_product(power(2), power(2, distance)), 1, 5 * std::sqrt(8) * deviation) << distance;
  }
  for (const double limit : {-3.5, -2.0, -1.0, -0.1, 0.0, 0.5, 1.0, 2.0, 3.0, 4.0}) {
    const double expected = 0.5 * std::erfc(-limit / std::sqrt(2));
    const double below = std::count_if(values.begin(), values.end(), [&](float x) { return x < limit; });
    EXPECT_NEAR(below / n, expected, 5 * std::sqrt(expected * (1 - expected) / n)) << limit;
  }
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
