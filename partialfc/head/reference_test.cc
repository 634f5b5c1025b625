// The root of trust: the reference's gradients are the numerical derivatives of its loss.
#include "partialfc/head/reference.h"

#include <gtest/gtest.h>

#include <cmath>

#include "partialfc/base/random.h"

namespace partialfc {
namespace {

Matrix<double> random_matrix(int64_t rows, int64_t cols, uint64_t seed) {
  Matrix<double> matrix(rows, cols);
  RandomStream random(seed, Purpose::kSyntheticData);
  for (int64_t i = 0; i < matrix.size(); ++i) matrix.data()[i] = random.normal();
  return matrix;
}

class ReferenceGradient : public testing::TestWithParam<MarginOptions> {};

TEST_P(ReferenceGradient, IsTheNumericalDerivativeOfTheLoss) {
  const Margin margin = resolve_margin(GetParam());
  Matrix<double> x = random_matrix(4, 6, 1), w = random_matrix(9, 6, 2);
  const std::vector<int64_t> y = {3, -1, 0, 3};
  const auto result = reference::margin_softmax(margin, x, y, w);
  const auto check = [&](Matrix<double>& input, const Matrix<double>& gradient, const char* name) {
    for (int64_t i = 0; i < input.size(); ++i) {
      const double h = 1e-6, at = input.data()[i];
      input.data()[i] = at + h;
      const double above = reference::margin_softmax(margin, x, y, w).loss;
      input.data()[i] = at - h;
      const double below = reference::margin_softmax(margin, x, y, w).loss;
      input.data()[i] = at;
      EXPECT_NEAR(gradient.data()[i], (above - below) / (2 * h), 1e-6 * (1 + std::abs(gradient.data()[i])))
          << name << " " << i;
    }
  };
  check(x, result.dx, "dx");
  check(w, result.dw, "dw");
}

INSTANTIATE_TEST_SUITE_P(Margins, ReferenceGradient,
                         testing::Values(MarginOptions{.name = MarginName::kSoftmax, .scale = 8},
                                         MarginOptions{.scale = 16, .m2 = 0.5f},
                                         MarginOptions{.scale = 16, .m3 = 0.4f},
                                         MarginOptions{.scale = 4, .m1 = 3},
                                         MarginOptions{.scale = 8, .m1 = 0.9f, .m2 = 0.4f, .m3 = 0.15f},
                                         MarginOptions{.scale = 8, .m3 = 0.2f, .filter_above = 0.3f}));

// Two classes, plain softmax: loss = log(1 + exp(s (c_0 − c_1))), by hand.
TEST(Reference, TwoClassesByHand) {
  Matrix<double> x(1, 2), w(2, 2);
  x(0, 0) = 3;                   // x̂ = (1, 0)
  w(0, 1) = 2;                   // c_0 = 0
  w(1, 0) = 0.6, w(1, 1) = 0.8;  // c_1 = 0.6
  const auto result = reference::margin_softmax({.scale = 5}, x, std::vector<int64_t>{0}, w);
  EXPECT_NEAR(result.loss, std::log(1 + std::exp(3.0)), 1e-12);
  const double p = 1 / (1 + std::exp(-3.0));
  // ∂x̂ = 5 p (ŵ_1 − ŵ_0) = 5 p (0.6, −0.2); its part along x̂ falls away.
  EXPECT_NEAR(result.dx(0, 0), 0, 1e-12);
  EXPECT_NEAR(result.dx(0, 1), 5 * p * -0.2 / 3, 1e-12);
}

}  // namespace
}  // namespace partialfc
