#include "partialfc/head/margin.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "partialfc/base/error.h"

namespace partialfc {
namespace {

const MarginOptions kMargins[] = {
    {.m1 = 1, .m2 = 0, .m3 = 0}, {.m1 = 1, .m2 = 0.5f, .m3 = 0},        {.m1 = 1, .m2 = 0, .m3 = 0.4f},
    {.m1 = 4, .m2 = 0, .m3 = 0}, {.m1 = 0.9f, .m2 = 0.4f, .m3 = 0.15f}, {.scale = 30, .m1 = 1.35f},
};

TEST(Margin, KnownValues) {
  const double angle = 1.1;
  EXPECT_NEAR(target_logit({.scale = 64}, std::cos(angle)).logit, 64 * std::cos(angle), 1e-9);
  EXPECT_NEAR(target_logit({.scale = 64, .m2 = 0.5f}, std::cos(angle)).logit, 64 * std::cos(1.6), 1e-9);
  EXPECT_NEAR(target_logit({.scale = 64, .m3 = 0.25f}, std::cos(angle)).logit, 64 * (std::cos(angle) - 0.25),
              1e-9);
  // SphereFace's ψ at θ = 1.1, m = 4: 4θ = 4.4 lies in (π, 2π), so k = 1.
  EXPECT_NEAR(target_logit({.scale = 1, .m1 = 4}, std::cos(angle)).logit, -std::cos(4.4) - 2, 1e-9);
}

TEST(Margin, DerivativeIsThatOfTheLogit) {
  for (const MarginOptions& margin : kMargins)
    for (double theta = 0.02; theta < 3.12; theta += 0.0137) {
      const double h = 1e-7, c = std::cos(theta);
      const double phi = margin.m1 * theta + margin.m2,
                   to_kink = std::abs(std::remainder(phi, std::numbers::pi));
      if (to_kink < 1e-4) continue;  // ψ' has a kink where sin φ changes sign
      const double numerical =
          (target_logit(margin, c + h).logit - target_logit(margin, c - h).logit) / (2 * h * margin.scale);
      EXPECT_NEAR(target_logit(margin, c).derivative, numerical, 1e-5 * std::max(1.0, numerical)) << theta;
    }
}

TEST(Margin, FallsMonotonicallyAndContinuouslyWithTheAngle) {
  for (const MarginOptions& margin : kMargins) {
    double before = target_logit(margin, 1).logit;
    for (double theta = 0; theta <= std::numbers::pi; theta += 1e-3) {
      const double now = target_logit(margin, std::cos(theta)).logit;
      EXPECT_LE(now, before + 1e-9);
      EXPECT_LT(before - now, margin.scale * margin.m1 * 1.1e-3);
      before = now;
    }
  }
}

TEST(Margin, FiniteAtBothEnds) {
  for (const MarginOptions& margin : kMargins)
    for (double c : {1.0, -1.0, 1.0000002, -1.0000002}) {
      const TargetLogit target = target_logit(margin, c);
      EXPECT_TRUE(std::isfinite(target.logit));
      EXPECT_TRUE(std::isfinite(target.derivative));
      EXPECT_GE(target.derivative, 0);
    }
}

TEST(Margin, DetachedTakesTheSlopeForOne) {
  const MarginOptions margin{.m2 = 0.5f, .detached = true};
  EXPECT_EQ(target_logit(margin, 0.3).derivative, 1);
  EXPECT_EQ(target_logit(margin, 0.3).logit, target_logit({.m2 = 0.5f}, 0.3).logit);
}

TEST(Margin, OutOfRangeOptionsAreNamed) {
  EXPECT_THROW((MarginOptions{.scale = 0}.validate()), UsageError);
  EXPECT_THROW((MarginOptions{.scale = NAN}.validate()), UsageError);
  EXPECT_THROW((MarginOptions{.m1 = -1}.validate()), UsageError);
  EXPECT_THROW((MarginOptions{.m2 = 4}.validate()), UsageError);
  EXPECT_THROW((MarginOptions{.m3 = 1.5f}.validate()), UsageError);
  EXPECT_THROW((MarginOptions{.filter_above = -2}.validate()), UsageError);
  EXPECT_NO_THROW(MarginOptions{}.validate());
}

}  // namespace
}  // namespace partialfc
