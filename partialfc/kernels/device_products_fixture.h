// What the tests of the three products share: each against float64. For tests only.
#pragma once

#include <cmath>

#include "partialfc/device/test_matrix.h"
#include "partialfc/kernels/device_products.h"
#include "partialfc/kernels/device_records.h"

namespace partialfc {

// Random numbers in rows that are padded as the layer pads them, and longer.
template <class T>
struct RandomOperand {
  RandomOperand(int64_t rows, int64_t cols, uint64_t seed)
      : host(random_matrix<T>(rows, cols, seed)), device(host, padded_for_device(cols) + 8) {}
  double at(int64_t i, int64_t j) const { return to_float(host[i][j]); }
  DeviceMatrix<T> view() const { return device.view(); }

  Matrix<T> host;
  TestMatrix<T> device;
};

template <class T>
class DeviceProductsFixture : public DeviceTest {
 protected:
  // The result is expected(i, j), a sum of `terms` products of numbers within (−1, 1); all around it is as it was.
  template <class R, class Expected>
  void expect(const char* what, const RandomOperand<R>& result, int64_t terms, Expected expected) {
    const Matrix<R> got = result.device.read();
    const double rounding = std::is_same_v<R, float> ? 0 : 0x1p-8;
    for (int64_t i = 0; i < got.rows(); ++i)
      for (int64_t j = 0; j < got.cols(); ++j) {
        const double wanted = expected(i, j);
        ASSERT_NEAR(to_float(got[i][j]), wanted,
                    1e-6 * static_cast<double>(terms) + rounding * std::abs(wanted))
            << what << " " << i << " " << j;
      }
  }

  void compare(DeviceProducts<T>& products, int64_t classes, int64_t samples, int64_t dim) {
    SCOPED_TRACE(fmt::format("{} classes, {} samples, {} dimensions", classes, samples, dim));
    Stream stream;
    const RandomOperand<T> centers(classes, dim, 1), features(samples, dim, 2), values(classes, samples, 3),
        logits(classes, samples, 4);
    products.logits(centers.view(), features.view(), logits.view(), stream);
    stream.synchronize();
    expect("logits", logits, dim, [&](int64_t j, int64_t n) {
      double sum = 0;
      for (int64_t d = 0; d < dim; ++d) sum += centers.at(j, d) * features.at(n, d);
      return sum;
    });
    for (const bool accumulate : {false, true}) {
      const RandomOperand<float> u(samples, dim, 5);
      products.u(accumulate, values.view(), centers.view(), u.view(), stream);
      stream.synchronize();
      expect("u", u, classes, [&](int64_t n, int64_t d) {
        double sum = accumulate ? u.at(n, d) : 0;
        for (int64_t j = 0; j < classes; ++j) sum += values.at(j, n) * centers.at(j, d);
        return sum;
      });
    }
    const RandomOperand<float> gradients(classes, dim, 6);
    products.gradients(values.view(), features.view(), gradients.view(), stream);
    stream.synchronize();
    expect("gradients", gradients, samples, [&](int64_t j, int64_t d) {
      double sum = 0;
      for (int64_t n = 0; n < samples; ++n) sum += values.at(j, n) * features.at(n, d);
      return sum;
    });
  }

  void compare_all(DeviceProducts<T>& products) {
    compare(products, 1, 8, 8);
    compare(products, 37, 16, 24);
    compare(products, 130, 24, 72);
  }
};

}  // namespace partialfc
