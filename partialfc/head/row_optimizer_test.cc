#include "partialfc/head/row_optimizer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "partialfc/base/error.h"

namespace partialfc {
namespace {

TEST(RowOptimizer, SgdTwoStepsByHand) {
  const RowOptimizerOptions sgd{.momentum = 0.5f, .weight_decay = 0.25f};
  float record[2] = {2, 0};   // w, m
  const float g = 1;
  apply_row_step(sgd, 0.5, 1, &g, record, 1);
  EXPECT_EQ(record[1], 1.5f);    // 0.5·0 + 1 + 0.25·2
  EXPECT_EQ(record[0], 1.25f);   // 2 − 0.5·1.5
  apply_row_step(sgd, 0.5, 2, &g, record, 1);
  EXPECT_EQ(record[1], 0.75f + 1 + 0.3125f);
  EXPECT_EQ(record[0], 1.25f - 0.5f * 2.0625f);
}

TEST(RowOptimizer, AdamWAgainstFloat64) {
  const RowOptimizerOptions adamw{.kind = RowOptimizerOptions::Kind::kAdamW, .weight_decay = 0.1f};
  ASSERT_EQ(adamw.record_size(3), 9);
  float record[9] = {0.5f, -1, 2};
  double w[3] = {0.5, -1, 2}, m[3] = {}, v[3] = {};
  for (int t = 1; t <= 20; ++t) {
    float g[3];
    for (int d = 0; d < 3; ++d) {
      g[d] = std::sin(float(t * (d + 1)));
      m[d] = 0.9 * m[d] + 0.1 * g[d];
      v[d] = 0.999 * v[d] + 0.001 * g[d] * g[d];
      const double hat_m = m[d] / (1 - std::pow(0.9, t)), hat_v = v[d] / (1 - std::pow(0.999, t));
      w[d] -= 0.01 * (hat_m / (std::sqrt(hat_v) + 1e-8) + 0.1 * w[d]);
    }
    apply_row_step(adamw, 0.01, t, g, record, 3);
  }
  for (int d = 0; d < 3; ++d) EXPECT_NEAR(record[d], w[d], 2e-6);
}

TEST(RowOptimizer, OutOfRangeOptionsAreNamed) {
  EXPECT_THROW((RowOptimizerOptions{.momentum = 1}.validate()), UsageError);
  EXPECT_THROW((RowOptimizerOptions{.weight_decay = -1}.validate()), UsageError);
  EXPECT_THROW((RowOptimizerOptions{.beta1 = 1}.validate()), UsageError);
  EXPECT_THROW((RowOptimizerOptions{.beta2 = -1}.validate()), UsageError);
  EXPECT_THROW((RowOptimizerOptions{.epsilon = 0}.validate()), UsageError);
}

}  // namespace
}  // namespace partialfc
