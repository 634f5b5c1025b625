// The samples of a step on a device: messages, x̂, weights and ∂x, against the host's functions and float64.
#include "partialfc/head/device_batch.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "partialfc/device/test_matrix.h"
#include "partialfc/head/softmax_sums.h"

namespace partialfc {
namespace {

constexpr int32_t kSamplesBefore = 77;  // to which those of a batch are added

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr int64_t kDims[] = {1, 7, 8, 31, 33, 64, 130};

template <class T>
class DeviceBatchTest : public DeviceTest {};
using Numbers = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(DeviceBatchTest, Numbers);

template <class T>
double rounding_of() {
  return std::is_same_v<T, float> ? 0 : 0x1.0p-8;
}

constexpr int64_t kClasses = int64_t{1} << 40;

// Some labels past 32 bits, some −1, the first class's; as float32 their words are large, or no numbers.
std::vector<int64_t> some_labels(int64_t rows) {
  std::vector<int64_t> labels;
  for (int64_t n = 0; n < rows; ++n)
    labels.push_back(n == 4       ? 0
                     : n % 4 == 2 ? -1
                     : n % 3 == 0 ? 0x7fc00000 + n
                                  : (int64_t{1} << 33) + 0x3f800000 + n);
  return labels;
}

Matrix<float> pack(const Matrix<float>& features, const std::vector<int64_t>& labels, int64_t rows) {
  const TestMatrix<float> x(features, features.cols() + 3, 1), message(rows, features.cols() + 2);
  const TestMatrix<int64_t> y(labels);
  const TestMatrix<int32_t> bad_row(std::vector<int32_t>{0});
  Stream stream;
  pack_batch(x.view(), y.span(), kClasses, message.view(), bad_row.span(), stream);
  stream.synchronize();
  EXPECT_EQ(bad_row.values()[0], 0);
  return message.read();
}

template <class T>
struct Unpacked {
  std::vector<int64_t> labels;
  Matrix<float> features;
  Matrix<T> operand;
  int32_t sample_count = 0, not_finite = 0;
};

template <class T>
Unpacked<T> unpack(const Matrix<float>& messages, int64_t samples) {
  const int64_t dim = messages.cols() - 2, padded = padded_for_device(dim);
  const TestMatrix<float> from(messages), features(samples, dim, dim + 1);
  const TestMatrix<int64_t> labels(1, samples);
  const TestMatrix<T> operand(samples, dim, padded);
  const TestMatrix<int32_t> count(std::vector<int32_t>{kSamplesBefore}), not_finite(std::vector<int32_t>{0});
  Stream stream;
  unpack_batch<T>(from.view(),
                  {.labels = labels.span(),
                   .features = features.view(),
                   .operand = operand.view(),
                   .sample_count = count.span(),
                   .not_finite = not_finite.span()},
                  stream);
  stream.synchronize();
  return {labels.values(), features.read(), operand.read(padded), count.values()[0], not_finite.values()[0]};
}

TYPED_TEST(DeviceBatchTest, ThroughAMessageAndNormalised) {
  using T = TypeParam;
  for (const int64_t dim : kDims)
    for (const int64_t batch : {0, 1, 7, 8, 13}) {
      SCOPED_TRACE(fmt::format("D = {}, {} rows", dim, batch));
      Matrix<float> x = random_matrix<float>(batch, dim, 1);
      const std::vector<int64_t> labels = some_labels(batch);
      for (int64_t n = 0; n < batch; ++n)
        if (n == 1)
          std::fill_n(x[n], dim, 0.0f);  // a feature of zeros
        else if (labels[n] < 0)
          std::fill_n(x[n], dim, kInfinity);  // takes no part, whatever it is
      const int64_t rows = batch + 2, samples = rows + 3;
      const Unpacked<T> got = unpack<T>(pack(x, labels, rows), samples);
      int32_t count = 0;
      for (int64_t n = 0; n < samples; ++n) {
        const bool takes_part = n < batch && labels[n] >= 0;
        count += takes_part;
        ASSERT_EQ(got.labels[n], takes_part ? labels[n] : -1) << n;
        const std::vector<double> exact =
            takes_part ? in_float64(x[n], dim) : std::vector<double>(static_cast<size_t>(dim));
        const double inverse = reference::inverse_norm(exact.data(), dim);
        for (int64_t d = 0; d < padded_for_device(dim); ++d) {
          if (d < dim) {
            ASSERT_NEAR(got.features(n, d), inverse * exact[d], 1e-6) << n << ", " << d;
          }
          ASSERT_EQ(got.operand(n, d), d < dim ? number_as<T>(got.features(n, d)) : T{}) << n << ", " << d;
        }
      }
      EXPECT_EQ(got.sample_count, kSamplesBefore + count);
      EXPECT_EQ(got.not_finite, 0);
    }
}

// The last bad row is told, and each is packed as one that takes no part.
TYPED_TEST(DeviceBatchTest, ALabelOfNoClassIsTold) {
  const Matrix<float> x = random_matrix<float>(9, 5, 1);
  for (const int64_t bad : {int64_t{-2}, int64_t{100}, int64_t{1} << 40}) {
    const TestMatrix<float> features(x), message(9, 7);
    const TestMatrix<int64_t> labels({99, 0, bad, 5, -1, bad, 7, 8, 0});
    const TestMatrix<int32_t> bad_row(std::vector<int32_t>{0});
    Stream stream;
    pack_batch(features.view(), labels.span(), 100, message.view(), bad_row.span(), stream);
    stream.synchronize();
    EXPECT_EQ(bad_row.values()[0], 6);
    const Unpacked<TypeParam> got = unpack<TypeParam>(message.read(), 16);
    EXPECT_EQ(std::vector<int64_t>(got.labels.begin(), got.labels.begin() + 9),
              (std::vector<int64_t>{99, 0, -1, 5, -1, -1, 7, 8, 0}));
  }
}

TYPED_TEST(DeviceBatchTest, AFeatureThatIsNoNumberIsTold) {
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), -kInfinity})
    for (const int64_t d : {0, 31, 32, 39}) {
      Matrix<float> x = random_matrix<float>(9, 40, 1);
      x(8, d) = value;
      EXPECT_EQ(unpack<TypeParam>(pack(x, std::vector<int64_t>(9, 5), 9), 16).not_finite, 1) << d;
    }
}

TYPED_TEST(DeviceBatchTest, WeightsAndCoefficientsAreTheHosts) {
  using T = TypeParam;
  for (const Margin& margin : {Margin{.m2 = 0.5}, Margin{.scale = 30, .m1 = 1.35, .m2 = 0.2, .m3 = 0.1},
                               Margin{.m3 = 0.4, .detached = true}})
    for (const int64_t dim : {1, 33, 64})
      for (const int64_t samples : {8, 16, 43})
        for (const bool shifted : {false, true}) {
          SCOPED_TRACE(fmt::format("D = {}, {} samples, shifted: {}", dim, samples, shifted));
          const float shift = fixed_shift(margin.scale) + 2;
          RandomStream random(3, Purpose::kSyntheticData);
          std::vector<float> negatives, logits, shifts, cosines;
          std::vector<int32_t> class_of;
          for (int64_t n = 0; n < samples; ++n) {
            negatives.push_back(n == 3 ? 0.0f : static_cast<float>(std::exp(random.uniform(-30, 30))));
            cosines.push_back(static_cast<float>(random.uniform(-1, 1)));
            const bool takes_part = n % 5 != 4 && samples != 16;  // of 16 none does
            class_of.push_back(takes_part && n % 2 == 0 ? static_cast<int32_t>(n) : -1);
            logits.push_back(takes_part
                                 ? static_cast<float>(margin.scale * with_margin(margin, cosines[n]).value)
                                 : kInfinity);
            shifts.push_back(shifted ? shift + static_cast<float>(n % 7) : shift);
          }
          std::vector<float> finite_negatives, finite_logits, finite_shifts;  // of those that take part
          for (int64_t n = 0; n < samples; ++n) {
            if (std::isinf(logits[n])) continue;
            finite_negatives.push_back(negatives[n]);
            finite_logits.push_back(logits[n]);
            finite_shifts.push_back(shifts[n]);
          }
          const auto count = std::ssize(finite_logits);
          std::vector<float> weights(count);
          std::vector<double> residuals(count);
          finish_softmax(margin.scale, {finite_negatives, finite_logits, finite_shifts}, weights, residuals);

          const Matrix<float> x = random_matrix<float>(samples, dim, 4);
          const TestMatrix<float> device_negatives(negatives), device_logits(logits), device_shifts(shifts),
              device_cosines(cosines), features(x, dim + 2), got_weights(1, samples),
              got_coefficients(1, samples);
          const TestMatrix<int32_t> device_class_of(class_of), sample_count({static_cast<int32_t>(count)});
          const TestMatrix<T> weighted(samples, dim, padded_for_device(dim));
          Stream stream;
          weigh_samples<T>(margin,
                           {.negatives = device_negatives.span(),
                            .target_logits = device_logits.span(),
                            .shifts = shifted ? device_shifts.span() : DeviceSpan<float>(),
                            .shift = shift,
                            .class_of = device_class_of.span(),
                            .sample_count = sample_count.span(),
                            .cosines = device_cosines.span(),
                            .features = features.view(),
                            .weights = got_weights.span(),
                            .coefficients = got_coefficients.span(),
                            .weighted = weighted.view()},
                           stream);
          stream.synchronize();
          const Matrix<T> products = weighted.read(padded_for_device(dim));
          for (int64_t n = 0, i = 0; n < samples; ++n) {
            const bool takes_part = !std::isinf(logits[n]);
            const double weight = takes_part ? weights[i] : 0, residual = takes_part ? residuals[i] : 0;
            const double coefficient =
                class_of[n] < 0 ? 0 : residual * with_margin(margin, cosines[n]).derivative;
            EXPECT_NEAR(got_weights.values()[n], weight, 1e-6 * weight);
            EXPECT_NEAR(got_coefficients.values()[n], coefficient, 1e-6 * std::abs(coefficient));
            for (int64_t d = 0; d < padded_for_device(dim); ++d) {
              const double product = d < dim ? weight * x(n, d) : 0;
              ASSERT_NEAR(to_float(products(n, d)), product, (1e-6 + rounding_of<T>()) * std::abs(product))
                  << n << ", " << d;
            }
            i += takes_part;
          }
        }
}

TEST_F(DeviceTest, GradientsThroughTheNormalisation) {
  for (const int64_t dim : kDims)
    for (const int64_t rows : {0, 1, 7, 8, 9}) {
      // Numbers behind the columns too: what is made of them would be seen where it may not go.
      Matrix<float> x = random_matrix<float>(rows, dim + 2, 1);
      if (rows > 3) std::fill_n(x[3], dim, 3e-14f);  // shorter than ε: there the map is linear
      if (rows > 5) std::fill_n(x[5], dim, 0.0f);
      const Matrix<float> by_unit = random_matrix<float>(rows + 2, dim + 1, 2);
      const std::vector<int64_t> labels = some_labels(rows);
      const TestMatrix<float> features(x, dim + 2, 1), unit_gradients(by_unit),
          gradients(rows, dim, dim + 3, 1);
      const TestMatrix<int64_t> device_labels(labels);
      Stream stream;
      const auto columns = [&](const TestMatrix<float>& wide) {
        return DeviceMatrix<const float>(wide.view().address, wide.view().rows, dim, wide.view().stride);
      };
      through_normalization(columns(features), device_labels.span(), columns(unit_gradients),
                            gradients.view(), stream);
      stream.synchronize();
      const Matrix<float> got = gradients.read();
      for (int64_t n = 0; n < rows; ++n) {
        const std::vector<double> exact_x = in_float64(x[n], dim);
        std::vector<double> expected = in_float64(by_unit[n], dim);
        const double inverse = reference::inverse_norm(exact_x.data(), dim);
        reference::through_normalization(exact_x.data(), expected.data(), dim);
        for (int64_t d = 0; d < dim; ++d)
          ASSERT_NEAR(got(n, d), labels[n] < 0 ? 0 : expected[d], 2e-6 * inverse) << n << ", " << d;
      }
    }
}

}  // namespace
}  // namespace partialfc
