#include "partialfc/kernels/center_rows.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <string>
#include <vector>

#include "partialfc/base/random.h"

namespace partialfc {
namespace {

// Runs for each instruction set this CPU has, over lengths with every tail.
class CenterRows : public testing::TestWithParam<int64_t> {
 protected:
  static constexpr int64_t kLengths[] = {1, 3, 8, 16, 17, 63, 64, 65, 130};
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }
};

std::vector<float> numbers(int64_t n, uint64_t seed) {
  std::vector<float> values(n);
  RandomStream random(seed, Purpose::kSyntheticData);
  for (float& value : values) value = static_cast<float>(random.uniform(-1, 1));
  return values;
}

double norm_of(const std::vector<float>& v) {
  double sum = 0;
  for (const float x : v) sum += double{x} * x;
  return std::sqrt(sum);
}

TEST_P(CenterRows, NormalizeAndCopy) {
  for (const int64_t n : kLengths) {
    const auto v = numbers(n, 1);
    std::vector<float> unit(n + 1, 9.0f), copy(n + 1, 9.0f);
    const double norm = norm_of(v);
    EXPECT_NEAR(normalize(v.data(), unit.data(), n), 1 / norm, 1e-6 / norm);
    EXPECT_NEAR(copy_with_norm(v.data(), copy.data(), n), 1 / norm, 1e-6 / norm);
    for (int64_t i = 0; i < n; ++i) {
      EXPECT_NEAR(unit[i], v[i] / norm, 1e-6);
      EXPECT_EQ(copy[i], v[i]);
    }
    EXPECT_EQ(unit[n], 9.0f);
    EXPECT_EQ(copy[n], 9.0f);
  }
  const std::vector<float> zero(20, 0.0f);
  std::vector<float> unit(20);
  EXPECT_EQ(normalize(zero.data(), unit.data(), 20), 1 / kNormEpsilon);
  EXPECT_EQ(unit, zero);
}

TEST_P(CenterRows, GradientThroughNormalizationIsOrthogonalToTheVector) {
  for (const int64_t n : kLengths) {
    const auto v = numbers(n, 1), by_unit = numbers(n, 2);
    auto gradient = by_unit;
    const double norm = norm_of(v);
    through_normalization(v.data(), static_cast<float>(1 / norm), gradient.data(), n);
    double along = 0;
    for (int64_t i = 0; i < n; ++i) along += double{by_unit[i]} * v[i] / norm;
    for (int64_t i = 0; i < n; ++i)
      EXPECT_NEAR(gradient[i], (by_unit[i] - along * v[i] / norm) / norm, 4e-6 / norm);
  }
  std::vector<float> gradient = {1, 2};
  const float zero[] = {0, 0};
  through_normalization(zero, 1 / kNormEpsilon, gradient.data(), 2);  // below ε the map is linear
  EXPECT_EQ(gradient, (std::vector<float>{1 / kNormEpsilon, 2 / kNormEpsilon}));
}

TEST_P(CenterRows, AStepIsTheProjectedGradientsOptimizerStep) {
  for (const auto kind : {OptimizerOptions::Kind::kSgd, OptimizerOptions::Kind::kAdamW})
    for (const int64_t n : kLengths) {
      const RowStep step{
          .optimizer = {.kind = kind, .momentum = 0.8f, .weight_decay = 0.03f, .epsilon = 0.1f},
          .learning_rate = 0.2,
          .t = 3,
          .gradient_scale = 0.5f};
      const int64_t size = (1 + step.optimizer.states()) * n;
      auto record = numbers(size, 3);
      for (int64_t i = 2 * n; i < size; ++i) record[i] = std::abs(record[i]);  // second moments
      const std::vector<float> w(record.begin(), record.begin() + n);
      const auto inverse = static_cast<float>(1 / norm_of(w));
      const auto by_unit = numbers(n, 4);
      auto gradient = by_unit;
      for (float& g : gradient) g *= inverse;  // ∂ŵ/‖w‖

      const std::vector<double> exact_w(w.begin(), w.end());
      std::vector<double> expected(record.begin(), record.end()), exact(by_unit.begin(), by_unit.end());
      reference::through_normalization(exact_w.data(), exact.data(), n);
      for (double& g : exact) g *= step.gradient_scale;
      reference::optimizer_step(step.optimizer, step.learning_rate, step.t, exact.data(), expected.data(),
                                expected.data() + n, expected.data() + 2 * n, n);

      step_row(step, inverse, gradient.data(), record.data(), n);
      for (int64_t i = 0; i < size; ++i)
        EXPECT_NEAR(record[i], expected[i], 1e-5 * (1 + std::abs(expected[i])));
    }
}

INSTANTIATE_TEST_SUITE_P(InstructionSets, CenterRows, testing::ValuesIn(hwy::SupportedAndGeneratedTargets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

}  // namespace
}  // namespace partialfc
