#include "partialfc/kernels/optimizer_step.h"

#include <gtest/gtest.h>

#include <cmath>

#include "partialfc/base/error.h"

namespace partialfc {
namespace {

TEST(OptimizerStep, SgdTwoStepsByHand) {
  const OptimizerOptions sgd{.momentum = 0.5f, .weight_decay = 0.25f};
  float w = 2, m = 0;
  const float g = 1;
  optimizer_step(sgd, 0.5, 1, &g, &w, &m, nullptr, 1);
  EXPECT_EQ(m, 1.5f);   // 0.5·0 + 1 + 0.25·2
  EXPECT_EQ(w, 1.25f);  // 2 − 0.5·1.5
  optimizer_step(sgd, 0.5, 2, &g, &w, &m, nullptr, 1);
  EXPECT_EQ(m, 0.75f + 1 + 0.3125f);
  EXPECT_EQ(w, 1.25f - 0.5f * 2.0625f);
}

TEST(OptimizerStep, AdamWAgainstFloat64) {
  const OptimizerOptions adamw{.kind = OptimizerOptions::Kind::kAdamW, .weight_decay = 0.1f};
  ASSERT_EQ(adamw.states(), 2);
  float got_w[3] = {0.5f, -1, 2}, got_m[3] = {}, got_v[3] = {};
  double w[3] = {0.5, -1, 2}, m[3] = {}, v[3] = {};
  for (int t = 1; t <= 20; ++t) {
    float g[3];
    double exact_g[3];
    for (int d = 0; d < 3; ++d) exact_g[d] = g[d] = std::sin(float(t * (d + 1)));
    reference::optimizer_step(adamw, 0.01, t, exact_g, w, m, v, 3);
    optimizer_step(adamw, 0.01, t, g, got_w, got_m, got_v, 3);
  }
  for (int d = 0; d < 3; ++d) EXPECT_NEAR(got_w[d], w[d], 2e-6);
}

TEST(OptimizerStep, OutOfRangeOptionsAreNamed) {
  EXPECT_THROW((OptimizerOptions{.momentum = 1}.validate()), UsageError);
  EXPECT_THROW((OptimizerOptions{.weight_decay = -1}.validate()), UsageError);
  EXPECT_THROW((OptimizerOptions{.beta1 = 1}.validate()), UsageError);
  EXPECT_THROW((OptimizerOptions{.beta2 = -1}.validate()), UsageError);
  EXPECT_THROW((OptimizerOptions{.epsilon = 0}.validate()), UsageError);
}

}  // namespace
}  // namespace partialfc
