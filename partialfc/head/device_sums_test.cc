// What the sums over the classes are made of on a device, and ∂x̂ from them, against float64.
#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "partialfc/device/test_matrix.h"
#include "partialfc/head/device_batch.h"

namespace partialfc {
namespace {

constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInfinity = std::numeric_limits<float>::infinity();

// N samples: every third has no class here, every fifth takes no part.
template <class T>
struct Problem {
  Problem(int64_t samples, int64_t dim, int64_t chunks)
      : partial(random_matrix<float>(chunks, samples, 1)),
        u(random_matrix<float>(samples, dim, 2)),
        features(random_matrix<float>(samples, dim, 3)),
        records(random_matrix<T>(6, 2 * dim, 4)) {
    for (int64_t i = 0; i < partial.size(); ++i) partial.data()[i] = std::abs(partial.data()[i]);
    for (int64_t n = 0; n < samples; ++n) {
      labels.push_back(n % 5 == 4 ? -1 : n);
      class_of.push_back(n % 5 == 4 || n % 3 == 1 ? -1 : static_cast<int32_t>(n % 4));
    }
  }
  int64_t samples() const { return u.rows(); }
  int64_t dim() const { return u.cols(); }
  // w of the class of sample n, in float64.
  std::vector<double> center_of(int64_t n) const { return in_float64(records[slots[class_of[n]]], dim()); }

  Matrix<float> partial, u, features;
  Matrix<T> records;
  std::vector<int32_t> slots = {5, 0, 3, 2, -1, -1}, class_of;
  std::vector<float> inverse_norms = {0.5f, 1, 2, 0.25f, 0, 0};
  std::vector<int64_t> labels;
  int32_t not_finite = 0;
};

template <class T>
struct OnDevice {
  explicit OnDevice(const Problem<T>& p)
      : partial(p.partial, p.samples() + 3, 1),
        u(p.u, p.dim() + 1, 1),
        features(p.features, p.dim() + 2, 1),
        inverse_norms(p.inverse_norms),
        records(p.records),
        slots(p.slots),
        class_of(p.class_of),
        not_finite({p.not_finite}),
        labels(p.labels),
        sums{.partial_sums = partial.view(),
             .u = u.view(),
             .records = {records.view().address, p.dim(), 2 * p.dim()},
             .places = slots.span(),
             .inverse_norms = inverse_norms.span(),
             .class_of = class_of.span(),
             .labels = labels.span(),
             .features = features.view(),
             .not_finite = not_finite.span()} {}
  TestMatrix<float> partial, u, features, inverse_norms;
  TestMatrix<T> records;
  TestMatrix<int32_t> slots, class_of, not_finite;
  TestMatrix<int64_t> labels;
  DeviceSums<T> sums;
};

const Margin kMargin{.scale = 30, .m1 = 1.1, .m2 = 0.3, .m3 = 0.1};

template <class T>
std::vector<float> finished(const Problem<T>& problem, bool with_targets, std::vector<float>* cosines) {
  const OnDevice<T> device(problem);
  const TestMatrix<float> message(1, (with_targets ? 2 : 1) * problem.samples() + 1);
  const TestMatrix<float> device_cosines(std::vector<float>(problem.samples(), 9));
  Stream stream;
  finish_sums<T>(device.sums, kMargin, with_targets, message.span(), device_cosines.span(), stream);
  stream.synchronize();
  if (cosines != nullptr) *cosines = device_cosines.values();
  return message.values();
}

template <class T>
class DeviceSumsTest : public DeviceTest {};
using Numbers = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(DeviceSumsTest, Numbers);

TYPED_TEST(DeviceSumsTest, FinishedSumsAndTargets) {
  using T = TypeParam;
  for (const auto& [samples, dim] : {std::pair<int64_t, int64_t>{8, 1}, {24, 31}, {40, 33}, {9, 64}})
    for (const int64_t chunks : {1, 31, 32, 33, 70})
      for (const bool with_targets : {true, false}) {
        SCOPED_TRACE(
            fmt::format("N = {}, D = {}, {} chunks, targets: {}", samples, dim, chunks, with_targets));
        const Problem<T> problem(samples, dim, chunks);
        std::vector<float> cosines;
        const std::vector<float> message = finished(problem, with_targets, &cosines);
        EXPECT_EQ(message.back(), 0);
        for (int64_t n = 0; n < samples; ++n) {
          const bool takes_part = problem.labels[n] >= 0, here = problem.class_of[n] >= 0;
          double sum = 0;
          for (int64_t chunk = 0; chunk < chunks; ++chunk) sum += problem.partial(chunk, n);
          ASSERT_NEAR(message[n], takes_part ? sum : 1, 1e-6 * sum) << n;
          double cosine = 9;
          if (with_targets && here) {
            const std::vector<double> w = problem.center_of(n);
            cosine = 0;
            for (int64_t d = 0; d < dim; ++d) cosine += w[d] * problem.features(n, d);
            cosine *= problem.inverse_norms[problem.class_of[n]];
          }
          ASSERT_NEAR(cosines[n], cosine, 1e-5) << n;
          if (!with_targets) continue;
          // Of the cosine as it was rounded: at its limit a digit of it is many of the angle.
          const double logit = here ? kMargin.scale * with_margin(kMargin, cosines[n]).value : 0;
          if (takes_part) {
            ASSERT_NEAR(message[samples + n], logit, 1e-4) << n;
          } else {
            ASSERT_EQ(message[samples + n], kInfinity) << n;
          }
        }
      }
}

TYPED_TEST(DeviceSumsTest, WhatIsNotFiniteIsTold) {
  using T = TypeParam;
  const auto flag = [](const Problem<T>& problem, bool with_targets) {
    return finished(problem, with_targets, nullptr).back();
  };
  const Problem<T> fine(24, 40, 3);
  for (const bool with_targets : {true, false}) {
    SCOPED_TRACE(with_targets);
    EXPECT_EQ(flag(fine, with_targets), 0);
    Problem<T> problem = fine;
    problem.not_finite = 1;  // a feature or a center
    EXPECT_EQ(flag(problem, with_targets), 1);
    for (const int64_t n : {0, 23})
      for (const int64_t d : {0, 31, 32, 39}) {
        problem = fine;
        problem.u(n, d) = kInfinity;
        EXPECT_EQ(flag(problem, with_targets), 1) << n << ", " << d;
        problem.partial(1, n) = kInfinity;  // out of range, which is no fault
        EXPECT_EQ(flag(problem, with_targets), 0) << n << ", " << d;
      }
    problem = fine;
    std::fill_n(problem.u[4], 40, kNaN);  // of a row that takes no part
    EXPECT_EQ(flag(problem, with_targets), 0);
  }
  for (const int64_t d : {0, 39}) {
    Problem<T> problem = fine;
    problem.records(5, d) = number_as<T>(kNaN);  // the class of sample 0
    EXPECT_EQ(flag(problem, true), 1);
    EXPECT_EQ(flag(problem, false), 0);  // what is read for the targets alone
  }
}

TYPED_TEST(DeviceSumsTest, FeatureGradients) {
  using T = TypeParam;
  for (const int64_t dim : {1, 31, 33, 64})
    for (const int64_t rows : {0, 1, 8, 23}) {  // of all ranks, without the padding
      Problem<T> problem(24, dim, 1);
      std::vector<float> weights, coefficients;
      for (int64_t n = 0; n < 24; ++n) {
        weights.push_back(problem.labels[n] < 0 ? 0 : 0.1f * static_cast<float>(n % 7 + 1));
        coefficients.push_back(problem.class_of[n] < 0 ? 0 : -0.3f * static_cast<float>(n % 5 + 1));
        if (problem.labels[n] < 0) std::fill_n(problem.u[n], dim, kNaN);
      }
      const OnDevice<T> device(problem);
      const TestMatrix<float> device_weights(weights), device_coefficients(coefficients),
          gradients(rows, dim, dim + 3, 1);
      Stream stream;
      feature_gradients<T>(device.sums, device_weights.span(), device_coefficients.span(), gradients.view(),
                           stream);
      stream.synchronize();
      const Matrix<float> got = gradients.read();
      for (int64_t n = 0; n < rows; ++n)
        for (int64_t d = 0; d < dim; ++d) {
          double expected = weights[n] == 0 ? 0 : double{weights[n]} * problem.u(n, d);
          if (problem.class_of[n] >= 0)
            expected += double{coefficients[n]} * problem.inverse_norms[problem.class_of[n]] *
                        problem.center_of(n)[d];
          ASSERT_NEAR(got(n, d), expected, 2e-6) << n << ", " << d;
        }
    }
}

}  // namespace
}  // namespace partialfc
