#include "partialfc/head/margin.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "partialfc/base/error.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

const Margin kMargins[] = {
    {.m1 = 1, .m2 = 0, .m3 = 0}, {.m1 = 1, .m2 = 0.5, .m3 = 0},      {.m1 = 1, .m2 = 0, .m3 = 0.4},
    {.m1 = 4, .m2 = 0, .m3 = 0}, {.m1 = 0.9, .m2 = 0.4, .m3 = 0.15}, {.scale = 30, .m1 = 1.35},
};

TEST(Margin, KnownValues) {
  const double angle = 1.1, c = std::cos(angle);
  EXPECT_NEAR(with_margin({}, c).value, c, 1e-9);
  EXPECT_NEAR(with_margin({.m2 = 0.5}, c).value, std::cos(1.6), 1e-9);
  EXPECT_NEAR(with_margin({.m3 = 0.25}, c).value, c - 0.25, 1e-9);
  // SphereFace's ψ at θ = 1.1, m = 4: 4θ = 4.4 lies in (π, 2π), so k = 1.
  EXPECT_NEAR(with_margin({.m1 = 4}, c).value, -std::cos(4.4) - 2, 1e-9);
  // The scale is in neither number.
  EXPECT_EQ(with_margin({.scale = 30, .m2 = 0.5}, c).value, with_margin({.m2 = 0.5}, c).value);
  EXPECT_EQ(with_margin({.scale = 30, .m2 = 0.5}, c).derivative, with_margin({.m2 = 0.5}, c).derivative);
}

TEST(Margin, DerivativeIsThatOfTheValue) {
  for (const Margin& margin : kMargins)
    for (double theta = 0.02; theta < 3.12; theta += 0.0137) {
      const double h = 1e-7, c = std::cos(theta);
      const double phi = margin.m1 * theta + margin.m2,
                   to_kink = std::abs(std::remainder(phi, std::numbers::pi));
      if (to_kink < 1e-4) continue;  // ψ' has a kink where sin φ changes sign
      const double numerical =
          (with_margin(margin, c + h).value - with_margin(margin, c - h).value) / (2 * h);
      EXPECT_NEAR(with_margin(margin, c).derivative, numerical, 1e-5 * std::max(1.0, numerical)) << theta;
    }
}

TEST(Margin, FallsMonotonicallyAndContinuouslyWithTheAngle) {
  for (const Margin& margin : kMargins) {
    double before = with_margin(margin, 1).value;
    for (double theta = 0; theta <= std::numbers::pi; theta += 1e-3) {
      const double now = with_margin(margin, std::cos(theta)).value;
      EXPECT_LE(now, before + 1e-9);
      EXPECT_LT(before - now, margin.m1 * 1.1e-3);
      before = now;
    }
  }
}

TEST(Margin, FiniteAtBothEnds) {
  for (const Margin& margin : kMargins)
    for (double c : {1.0, -1.0, 1.0000002, -1.0000002}) {
      const TargetCosine target = with_margin(margin, c);
      EXPECT_TRUE(std::isfinite(target.value));
      EXPECT_TRUE(std::isfinite(target.derivative));
      EXPECT_GE(target.derivative, 0);
    }
}

TEST(Margin, DetachedTakesTheSlopeForOne) {
  const Margin margin{.m2 = 0.5, .detached = true};
  EXPECT_EQ(with_margin(margin, 0.3).derivative, 1);
  EXPECT_EQ(with_margin(margin, 0.3).value, with_margin({.m2 = 0.5}, 0.3).value);
}

// What the header says of m1 = 1.35: beside (λ·cos θ + ψ)/(1 + λ) with m1 = 4 and λ = 5.
TEST(Margin, SphereFacesDefaultIsNearItsAnnealedOwn) {
  const Margin usual = resolve_margin({.name = MarginName::kSphereFace}), theirs{.m1 = 4};
  for (double theta = 0; theta <= std::numbers::pi / 2; theta += 1e-3) {
    const double c = std::cos(theta);
    EXPECT_NEAR(with_margin(usual, c).value, (5 * c + with_margin(theirs, c).value) / 6, 0.13) << theta;
  }
}

void expect_values(const MarginOptions& options, double m1, double m2, double m3) {
  const Margin margin = resolve_margin(options);
  EXPECT_EQ(margin.m1, m1);
  EXPECT_EQ(margin.m2, m2);
  EXPECT_EQ(margin.m3, m3);
}

TEST(MarginOptions, ANameHasItsUsualValueOrTheOneGiven) {
  expect_values({.name = MarginName::kSoftmax}, 1, 0, 0);
  expect_values({.name = MarginName::kArcFace}, 1, 0.5, 0);
  expect_values({.name = MarginName::kArcFace, .m2 = 0.3}, 1, 0.3, 0);
  expect_values({.name = MarginName::kCosFace}, 1, 0, 0.4);
  expect_values({.name = MarginName::kCosFace, .m3 = 0.35}, 1, 0, 0.35);
  expect_values({.name = MarginName::kSphereFace}, 1.35, 0, 0);
  expect_values({.name = MarginName::kSphereFace, .m1 = 4}, 4, 0, 0);
  expect_values({.name = MarginName::kCombined, .m1 = 0.9, .m2 = 0.4, .m3 = 0.15}, 0.9, 0.4, 0.15);
}

TEST(MarginOptions, WithoutANameWhatIsNotGivenIsNeutralAndNothingIsArcFace) {
  expect_values({}, 1, 0.5, 0);
  expect_values({.m3 = 0.4}, 1, 0, 0.4);
  expect_values({.m1 = 1.35}, 1.35, 0, 0);
  expect_values({.m2 = 0.3, .m3 = 0.1}, 1, 0.3, 0.1);
  expect_values({.m2 = 0}, 1, 0, 0);
}

TEST(MarginOptions, AValueOfAnotherMarginIsRefused) {
  const auto refusal = [](const MarginOptions& options) {
    return message_of([&] { resolve_margin(options); });
  };
  EXPECT_EQ(
      refusal({.name = MarginName::kArcFace, .m3 = 0.4}),
      "margin arcface has no m3, and m3 = 0.4 is given: leave it out, or say combined, with m1, m2 and m3");
  EXPECT_EQ(refusal({.name = MarginName::kSoftmax, .m2 = 0.5}),
            "margin softmax has no m2, and m2 = 0.5 is given: leave it out, or say arcface");
  EXPECT_EQ(refusal({.name = MarginName::kCombined, .m1 = 1, .m3 = 0.4}),
            "margin combined needs m1, m2 and m3: m2 is missing, 0 is without it");
  EXPECT_EQ(message_of([] { margin_named("arkface"); }),
            "margin 'arkface': must be one of softmax, arcface, cosface, sphereface, combined");
}

TEST(MarginOptions, TheNameThatFitsIsTold) {
  EXPECT_EQ(describe(resolve_margin({})), "arcface, m2 = 0.5, s = 64");
  EXPECT_EQ(describe({.m1 = 1, .m2 = 0, .m3 = 0.4}), "cosface, m3 = 0.4, s = 64");
  EXPECT_EQ(describe({.scale = 30, .m1 = 4}), "sphereface, m1 = 4, s = 30");
  EXPECT_EQ(describe({.scale = 32}), "softmax, s = 32");
  EXPECT_EQ(describe({.m2 = 0.3, .m3 = 0.1}), "combined, m1 = 1, m2 = 0.3, m3 = 0.1, s = 64");
  EXPECT_EQ(describe({.m3 = 0.4, .detached = true, .filter_above = 0.25f}),
            "cosface, m3 = 0.4, s = 64, without its derivative, negatives above 0.25 left out");
}

TEST(MarginOptions, NamedOptionsAreTheSameMargin) {
  for (const Margin& margin : kMargins) {
    const MarginOptions named = named_options(margin);
    EXPECT_EQ(describe(resolve_margin(named)), describe(margin));
  }
  const MarginOptions cosface = named_options({.m3 = 0.4});
  EXPECT_EQ(cosface.name, MarginName::kCosFace);
  EXPECT_EQ(cosface.m3, 0.4);
  EXPECT_FALSE(cosface.m1 || cosface.m2);
  for (const std::string& name : margin_names()) EXPECT_EQ(name_of(margin_named(name)), name);
}

TEST(MarginOptions, OutOfRangeOptionsAreNamed) {
  EXPECT_THROW(resolve_margin({.scale = 0}), UsageError);
  EXPECT_THROW(resolve_margin({.scale = NAN}), UsageError);
  EXPECT_THROW(resolve_margin({.m1 = -1}), UsageError);
  EXPECT_THROW(resolve_margin({.m2 = 4}), UsageError);
  EXPECT_THROW(resolve_margin({.m3 = 1.5}), UsageError);
  EXPECT_THROW(resolve_margin({.filter_above = -2}), UsageError);
}

}  // namespace
}  // namespace partialfc
