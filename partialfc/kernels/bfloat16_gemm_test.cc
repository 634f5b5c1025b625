#include "partialfc/kernels/bfloat16_gemm.h"
#include "partialfc/kernels/bfloat16_rows.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "partialfc/base/random.h"
#include "partialfc/kernels/stochastic_rounding.h"

namespace partialfc {
namespace {

// Runs for each unit of this CPU.
class BFloat16Gemm : public testing::TestWithParam<BFloat16Unit> {
 protected:
  void SetUp() override {
    if (GetParam() > bfloat16_unit()) GTEST_SKIP() << "this CPU has no such unit";
  }
};

Matrix<BFloat16> random_matrix(int64_t rows, int64_t cols, uint64_t seed) {
  Matrix<BFloat16> m(rows, cols);
  RandomStream random(seed, Purpose::kSyntheticData);
  for (int64_t i = 0; i < m.size(); ++i) m.data()[i] = to_bfloat16(static_cast<float>(random.uniform(-1, 1)));
  return m;
}

TEST_P(BFloat16Gemm, IsTheSumOfTheProducts) {
  for (int64_t m : {32, 96})
    for (int64_t n : {32, 64})
      for (int64_t k : {32, 128})
        for (bool accumulate : {false, true}) {
          const Matrix<BFloat16> a = random_matrix(m, k, 1), b = random_matrix(k / 2, 2 * n, 2);
          Matrix<float> c(m, n + 5);
          c.fill(0.5f);
          RowPrefetch none;
          bfloat16_gemm(GetParam(), accumulate, a.view(), b.view(), {c.data(), m, n, n + 5}, none);
          for (int64_t i = 0; i < m; ++i)
            for (int64_t j = 0; j < n; ++j) {
              double sum = accumulate ? 0.5 : 0;
              for (int64_t l = 0; l < k; ++l)
                sum += double{to_float(a(i, l))} * to_float(b(l / 2, 2 * j + l % 2));
              ASSERT_NEAR(c(i, j), sum, 1e-6 * static_cast<double>(k)) << i << ", " << j;
            }
          EXPECT_EQ(c(0, n), 0.5f);  // nothing past the columns
        }
}

INSTANTIATE_TEST_SUITE_P(Units, BFloat16Gemm,
                         testing::Values(BFloat16Unit::kDotProduct, BFloat16Unit::kTiles),
                         [](const auto& info) {
                           return info.param == BFloat16Unit::kTiles ? "Tiles" : "DotProduct";
                         });

class BFloat16Operands : public testing::Test {
 protected:
  void SetUp() override {
    if (bfloat16_unit() == BFloat16Unit::kNone) GTEST_SKIP() << "this CPU has no bfloat16 arithmetic";
  }
};

TEST_F(BFloat16Operands, ConversionInterleavingAndDotProducts) {
  for (int64_t n : {0, 1, 15, 16, 17, 31, 32, 33, 100}) {
    const Matrix<BFloat16> x = random_matrix(1, n, 3), y = random_matrix(1, n, 4);
    std::vector<float> numbers(n);
    double product = 0, square = 0;
    for (int64_t i = 0; i < n; ++i) {
      numbers[i] = to_float(y(0, i)) * 1.01f;
      product += double{to_float(x(0, i))} * numbers[i];
      square += double{to_float(x(0, i))} * to_float(x(0, i));
    }
    EXPECT_NEAR(dot(x.data(), numbers.data(), n), product, 1e-5);
    EXPECT_NEAR(squared_norm(x.data(), n), square, 1e-5);
    std::vector<BFloat16> rounded(n), pairs(2 * n);
    to_bfloat16(numbers.data(), rounded.data(), n);
    interleave(x.data(), y.data(), pairs.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      EXPECT_EQ(rounded[i].bits, to_bfloat16(numbers[i]).bits);
      EXPECT_EQ(pairs[2 * i].bits, x(0, i).bits);
      EXPECT_EQ(pairs[2 * i + 1].bits, y(0, i).bits);
    }
  }
}

TEST_F(BFloat16Operands, StochasticRoundingIsBetweenTheNeighboursAndRightOnTheMean) {
  const int64_t n = 37;
  std::vector<float> x(n), sum(n, 0.0f);
  for (int64_t i = 0; i < n; ++i) x[i] = (i % 2 == 0 ? 1 : -1) * (1 + static_cast<float>(i) / 5000);
  constexpr int kDraws = 4000;
  for (int draw = 0; draw < kDraws; ++draw) {
    std::vector<BFloat16> rounded(n);
    round_stochastically(mix(7, static_cast<uint64_t>(draw)), x.data(), rounded.data(), n);
    for (int64_t i = 0; i < n; ++i) {
      EXPECT_LT(std::abs(to_float(rounded[i]) - x[i]), 0x1p-7f);
      sum[i] += to_float(rounded[i]) - x[i];
    }
  }
  // A draw is off by up to a step of 2^-7 with a standard deviation of at most half of it: five of the mean's.
  for (int64_t i = 0; i < n; ++i) EXPECT_NEAR(sum[i] / kDraws, 0, 5 * 0x1p-8 / std::sqrt(kDraws)) << i;
}

TEST_F(BFloat16Operands, StochasticRoundingHasTheBitsOfTheReference) {
  for (const int64_t n : {1, 2, 15, 16, 17, 31, 32, 100, 1000})
    for (const uint64_t key : {uint64_t{0}, mix(3, 4), ~uint64_t{0}}) {
      std::vector<float> x(n);
      for (int64_t i = 0; i < n; ++i)
        x[i] = (i % 3 == 0 ? -1.0f : 1.0f) * (0.1f + static_cast<float>(i) / 777);
      std::vector<BFloat16> got(n), expected(n);
      round_stochastically(key, x.data(), got.data(), n);
      reference::round_stochastically(key, x.data(), expected.data(), n);
      for (int64_t i = 0; i < n; ++i) ASSERT_EQ(got[i].bits, expected[i].bits) << n << ", " << i;
    }
}

TEST_F(BFloat16Operands, StochasticRoundingDependsOnKeyAndPlaceAlone) {
  std::vector<float> x(100, 1.003f);
  std::vector<BFloat16> all(100), first(37), other(100);
  round_stochastically(5, x.data(), all.data(), 100);
  round_stochastically(5, x.data(), first.data(), 37);
  round_stochastically(6, x.data(), other.data(), 100);
  int same = 0;
  for (int64_t i = 0; i < 100; ++i) {
    if (i < 37) {
      EXPECT_EQ(all[i].bits, first[i].bits);
    }
    same += all[i].bits == other[i].bits;
  }
  EXPECT_LT(same, 90);
  const float whole = 1.5f;  // representable: never moved
  BFloat16 kept;
  for (uint64_t key = 0; key < 100; ++key) {
    round_stochastically(key, &whole, &kept, 1);
    EXPECT_EQ(to_float(kept), whole);
  }
}

TEST_F(BFloat16Operands, Transposition) {
  const int64_t rows = 64, cols = 48;
  Matrix<float> a(rows, cols + 1);
  for (int64_t i = 0; i < a.size(); ++i) a.data()[i] = static_cast<float>(i) / 3;
  Matrix<BFloat16> out(cols, rows);
  transpose_to_bfloat16({a.data(), rows, cols, cols + 1}, out.view());
  for (int64_t n = 0; n < cols; ++n)
    for (int64_t j = 0; j < rows; ++j) EXPECT_EQ(out(n, j).bits, to_bfloat16(a(j, n)).bits);
}

}  // namespace
}  // namespace partialfc
