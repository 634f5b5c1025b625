#include "partialfc/kernels/softmax_tile.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "partialfc/base/random.h"

namespace partialfc {
namespace {

// Runs for each instruction set this CPU has.
class SoftmaxTile : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }

  static std::vector<float> factors_of(int64_t rows) {
    std::vector<float> factors(rows);
    for (int64_t j = 0; j < rows; ++j)
      factors[j] = j % 2 == 0 ? 4.0f : 0.5f;  // powers of 2: they round nothing
    return factors;
  }

  // (rows, columns) products whose cosines are a little past ±1 at times, as rounding makes them; rows 3 longer than
  // the view.
  static Matrix<float> products(int64_t rows, int64_t columns) {
    Matrix<float> values(rows, columns + 3);
    RandomStream random(4, Purpose::kSyntheticData);
    for (int64_t i = 0; i < values.size(); ++i)
      values.data()[i] =
          static_cast<float>(random.uniform(-1.00001, 1.00001)) / factors_of(rows)[i / (columns + 3)];
    return values;
  }
};

const SoftmaxOptions kOptions[] = {
    {}, {.scale = 30}, {.scale = 100}, {.filter_above = 0.25f}, {.filter_above = -1.5f}};

TEST_P(SoftmaxTile, AnInfiniteProductIsNoNegative) {
  Matrix<float> values(2, 17);
  values(1, 3) = std::numeric_limits<float>::infinity();
  std::vector<float> sums(17, 0.0f);
  exp_sum_columns({}, std::vector<float>{1, 0.25f}, std::vector<float>(17, 0.0f), values.view(), sums);
  EXPECT_EQ(sums[3], 1);
  EXPECT_EQ(sums[4], 2);
  EXPECT_EQ(values(1, 3), 0);
  EXPECT_EQ(values(1, 4), 0.25f);
}

TEST_P(SoftmaxTile, ExpSumsAreTheReferences) {
  for (const SoftmaxOptions& options : kOptions)
    for (int64_t rows : {0, 1, 5, 128})
      for (int64_t columns : {0, 1, 7, 16, 33}) {
        Matrix<float> got = products(rows, columns), expected = products(rows, columns);
        std::vector<float> shifts(columns, std::max(0.0f, options.scale - 64)), sums(columns, 2.0f);
        for (int64_t n = 0; n < columns; ++n) shifts[n] += 0.5f * static_cast<float>(n % 5);
        std::vector<float> expected_sums = sums;
        const std::vector<float> factors = factors_of(rows);
        exp_sum_columns(options, factors, shifts, {got.data(), rows, columns, columns + 3}, sums);
        reference::exp_sum_columns(options, factors, shifts, {expected.data(), rows, columns, columns + 3},
                                   expected_sums);
        // s · c is rounded to float32 before exp: a relative error of |s · c| · 2^-24, and a few units of exp's own.
        const float relative = (2 * options.scale + 8) * 6e-8f;
        for (int64_t n = 0; n < columns; ++n)
          EXPECT_NEAR(sums[n], expected_sums[n], relative * expected_sums[n]);
        for (int64_t i = 0; i < got.size(); ++i)
          EXPECT_NEAR(got.data()[i], expected.data()[i], std::abs(relative * expected.data()[i]) + 1e-42);
      }
}

TEST_P(SoftmaxTile, MaximaAreTheReferences) {
  for (const SoftmaxOptions& options : kOptions)
    for (int64_t rows : {0, 1, 9})
      for (int64_t columns : {1, 7, 33}) {
        const Matrix<float> values = products(rows, columns);
        const MatrixView<const float> view(values.data(), rows, columns, columns + 3);
        std::vector<float> got(columns, -std::numeric_limits<float>::infinity()), expected = got;
        max_logit_columns(options, factors_of(rows), view, got);
        reference::max_logit_columns(options, factors_of(rows), view, expected);
        for (int64_t n = 0; n < columns; ++n) {
          if (std::isinf(expected[n]))
            EXPECT_EQ(got[n], expected[n]);
          else
            EXPECT_NEAR(got[n], expected[n], 1e-6f * options.scale);
        }
      }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, SoftmaxTile, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

}  // namespace
}  // namespace partialfc
