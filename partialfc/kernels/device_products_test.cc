// The three products, against sums in float64.
#include "partialfc/kernels/device_products.h"

#include <gtest/gtest.h>

#include "partialfc/device/test_matrix.h"
#include "partialfc/kernels/device_rows.h"

namespace partialfc {
namespace {

template <class T>
class DeviceProductsTest : public DeviceTest {};
using Numbers = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(DeviceProductsTest, Numbers);

// got (rows, cols) is start + Σ_k a(i, k) b(k, j); operands whose product rounds nothing away, sums in float32.
template <class A, class B>
void expect_product(const Matrix<float>& got, double rounding, int64_t inner, A a, B b) {
  for (int64_t i = 0; i < got.rows(); ++i)
    for (int64_t j = 0; j < got.cols(); ++j) {
      double sum = 0;
      for (int64_t k = 0; k < inner; ++k) sum += a(i, k) * b(k, j);
      ASSERT_NEAR(got(i, j), sum, 2e-6 * static_cast<double>(inner) + rounding * std::abs(sum))
          << i << ", " << j;
    }
}

TYPED_TEST(DeviceProductsTest, AreSumsOfProducts) {
  using T = TypeParam;
  for (const auto [classes, samples, dim] :
       {std::array<int64_t, 3>{1, 1, 1}, {37, 8, 33}, {64, 24, 64}, {130, 16, 8}}) {
    SCOPED_TRACE(fmt::format("{} classes, N = {}, D = {}", classes, samples, dim));
    const int64_t padded_dim = padded_for_device(dim), padded_samples = padded_for_device(samples);
    const Matrix<T> w = random_matrix<T>(classes, dim, 1), x = random_matrix<T>(samples, dim, 2),
                    e = random_matrix<T>(classes, samples, 3);
    const TestMatrix<T> centers(w, padded_dim), features(x, padded_dim + 8), values(e, padded_samples + 8),
        products(classes, samples, padded_samples + 8);
    const TestMatrix<float> gradients(classes, dim, padded_dim + 8);
    const Matrix<float> before = random_matrix<float>(samples, dim, 4);
    const TestMatrix<float> u(before, padded_dim + 8);
    const std::unique_ptr<DeviceProducts<T>> plain = make_plain_products<T>();
    Stream stream;

    plain->logits(centers.view(), features.view(), products.view(), stream);
    plain->gradients(values.view(), features.view(), gradients.view(), stream);
    plain->u(true, values.view(), centers.view(), u.view(), stream);
    stream.synchronize();
    const Matrix<T> logits = products.read();
    Matrix<float> in_float32(classes, samples);
    std::transform(logits.data(), logits.data() + logits.size(), in_float32.data(),
                   [](T x) { return to_float(x); });
    const auto number = [](const Matrix<T>& m, int64_t i, int64_t j) { return double{to_float(m(i, j))}; };
    expect_product(
        in_float32, std::is_same_v<T, float> ? 0 : 0x1.0p-8, dim,
        [&](int64_t i, int64_t k) { return number(w, i, k); },
        [&](int64_t k, int64_t j) { return number(x, j, k); });
    expect_product(
        gradients.read(), 0, samples, [&](int64_t i, int64_t k) { return number(e, i, k); },
        [&](int64_t k, int64_t j) { return number(x, k, j); });
    const auto of_e = [&](int64_t i, int64_t k) { return number(e, k, i); };
    const auto of_w = [&](int64_t k, int64_t j) { return number(w, k, j); };
    Matrix<float> added = u.read();
    for (int64_t i = 0; i < added.size(); ++i) added.data()[i] -= before.data()[i];
    expect_product(added, 0, classes, of_e, of_w);
    plain->u(false, values.view(), centers.view(), u.view(), stream);
    stream.synchronize();
    expect_product(u.read(), 0, classes, of_e, of_w);
  }
}

}  // namespace
}  // namespace partialfc
