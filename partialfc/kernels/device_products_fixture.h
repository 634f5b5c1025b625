// What the tests of the three products share: each against float64. For tests only.
#pragma once

#include <cmath>

#include "partialfc/base/random.h"
#include "partialfc/device/test_device.h"
#include "partialfc/kernels/device_products.h"
#include "partialfc/kernels/device_rows.h"

namespace partialfc {

// (rows, cols) in rows of padded length, and what a product must not touch past their ends.
template <class T>
struct RandomOperand {
  RandomOperand(int64_t rows, int64_t cols, uint64_t seed)
      : rows(rows), cols(cols), stride(padded_for_device(cols) + 8) {
    RandomStream random(11, Purpose::kSyntheticData, seed);
    std::vector<T> values(rows * stride);
    for (T& value : values) value = from_float(static_cast<float>(random.normal()));
    buffer = to_device(values);
    host = values;
  }
  static T from_float(float value) {
    if constexpr (std::is_same_v<T, float>)
      return value;
    else
      return to_bfloat16(value);
  }
  double at(int64_t i, int64_t j) const { return to_float(host[i * stride + j]); }
  DeviceMatrix<T> view() const { return {buffer.span().address, rows, cols, stride}; }

  int64_t rows, cols, stride;
  DeviceBuffer<T> buffer;
  std::vector<T> host;
};

template <class T>
class DeviceProductsFixture : public DeviceTest {
 protected:
  // Sums of `terms` products of standard normal numbers, and the result's own rounding.
  static double allowed(int64_t terms, bool rounded) {
    const double sum = std::sqrt(static_cast<double>(terms));
    return 1e-6 * sum * sum + (rounded ? 0x1p-8 * 5 * sum : 0);
  }

  // got is as it was before but for rows × cols, which are expected(i, j).
  template <class R, class Expected>
  void expect(const char* what, const RandomOperand<R>& result, int64_t terms, Stream& stream,
              Expected expected) {
    const std::vector<R> got = to_host(result.buffer.span(), stream);
    for (int64_t i = 0; i < result.rows; ++i)
      for (int64_t j = 0; j < result.stride; ++j) {
        const double value = to_float(got[i * result.stride + j]);
        if (j < result.cols)
          ASSERT_NEAR(value, expected(i, j), allowed(terms, !std::is_same_v<R, float>))
              << what << " " << i << " " << j;
        else
          ASSERT_EQ(value, result.at(i, j)) << what << ": past the end of row " << i;
      }
  }

  void compare(DeviceProducts<T>& products, int64_t classes, int64_t samples, int64_t dim) {
    SCOPED_TRACE(fmt::format("{} classes, {} samples, {} dimensions", classes, samples, dim));
    Stream stream;
    const RandomOperand<T> centers(classes, dim, 1), features(samples, dim, 2), values(classes, samples, 3);
    const RandomOperand<T> logits(classes, samples, 4);
    products.logits(centers.view(), features.view(), logits.view(), stream);
    expect("logits", logits, dim, stream, [&](int64_t j, int64_t n) {
      double sum = 0;
      for (int64_t d = 0; d < dim; ++d) sum += centers.at(j, d) * features.at(n, d);
      return sum;
    });
    for (const bool accumulate : {false, true}) {
      const RandomOperand<float> u(samples, dim, 5);
      products.u(accumulate, values.view(), centers.view(), u.view(), stream);
      expect("u", u, classes, stream, [&](int64_t n, int64_t d) {
        double sum = accumulate ? u.at(n, d) : 0;
        for (int64_t j = 0; j < classes; ++j) sum += values.at(j, n) * centers.at(j, d);
        return sum;
      });
    }
    const RandomOperand<float> gradients(classes, dim, 6);
    products.gradients(values.view(), features.view(), gradients.view(), stream);
    expect("gradients", gradients, samples, stream, [&](int64_t j, int64_t d) {
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
