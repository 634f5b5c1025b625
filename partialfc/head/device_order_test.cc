// Results of kernels are the same to the bit in whatever order threads and blocks run: the simulator's seeds.
#include <gtest/gtest.h>

#include <functional>

#include "partialfc/device/simt/control.h"
#include "partialfc/device/test_matrix.h"
#include "partialfc/head/device_batch.h"
#include "partialfc/kernels/device_softmax.h"

namespace partialfc {
namespace {

void expect_one_result(const std::function<std::vector<float>()>& run) {
  simt::set_seed(0);
  const std::vector<float> expected = run();
  for (const uint64_t seed : {1, 2, 3, 4}) {
    simt::set_seed(seed);
    EXPECT_EQ(run(), expected) << "seed " << seed;
  }
}

std::vector<float> values_of(const Matrix<float>& matrix) {
  return {matrix.data(), matrix.data() + matrix.size()};
}

constexpr int64_t kClasses = 200, kSamples = 48, kDim = 100;

TEST(DeviceOrder, SumsOfExp) {
  const TestMatrix<float> products(random_matrix<float>(kClasses, kSamples, 1)),
      norms(std::vector<float>(kClasses, 1)), values(kClasses, kSamples), partial(4, kSamples);
  const TestMatrix<int32_t> class_of(std::vector<int32_t>(kSamples, -1));
  expect_one_result([&] {
    Stream stream;
    exp_sums<float, float>({}, {.inverse_norms = norms.span(), .class_of = class_of.span(), .shift = 0},
                           products.view(), values.view(), partial.view(), stream);
    stream.synchronize();
    return values_of(partial.read());
  });
}

TEST(DeviceOrder, FinishedSums) {
  constexpr int64_t kChunks = 100;
  const TestMatrix<float> partial(random_matrix<float>(kChunks, kSamples, 1)),
      u(random_matrix<float>(kSamples, kDim, 2)), features(random_matrix<float>(kSamples, kDim, 3)),
      records(random_matrix<float>(1, 2 * kDim, 4)), norms(std::vector<float>{1}),
      message(1, 2 * kSamples + 1), cosines(1, kSamples);
  const TestMatrix<int32_t> slots(std::vector<int32_t>{0}), class_of(std::vector<int32_t>(kSamples, 0)),
      not_finite(std::vector<int32_t>{0});
  const TestMatrix<int64_t> labels(std::vector<int64_t>(kSamples, 1));
  expect_one_result([&] {
    Stream stream;
    finish_sums<float>({.partial_sums = partial.view(),
                        .u = u.view(),
                        .records = {records.view().address, kDim, 2 * kDim},
                        .places = slots.span(),
                        .inverse_norms = norms.span(),
                        .class_of = class_of.span(),
                        .labels = labels.span(),
                        .features = features.view(),
                        .not_finite = not_finite.span()},
                       {.m2 = 0.5}, true, message.span(), cosines.span(), stream);
    stream.synchronize();
    return message.values();
  });
}

}  // namespace
}  // namespace partialfc
