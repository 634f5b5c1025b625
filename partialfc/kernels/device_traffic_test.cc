// What the kernels of a step move through device memory, beside the products: counted on a small shape an element, and held
// against the bytes that there are to move on a large one.
#include <gtest/gtest.h>

#include "partialfc/device/simt/traffic.h"
#include "partialfc/device/test_matrix.h"
#include "partialfc/kernels/device_rows.h"
#include "partialfc/kernels/device_softmax.h"

namespace partialfc {
namespace {

// A million classes, a tenth of them active.
constexpr int64_t kDim = 512, kSamples = 1024, kActive = 1'000'000 / 10;
constexpr int64_t kNumber = sizeof(BFloat16);
constexpr double kMost = 1.1;  // times the bytes that have to be moved: what is read and written beside them

// `active` rows, one of which is the target of `samples` samples.
struct Rows {
  explicit Rows(int64_t active)
      : records(random_matrix<BFloat16>(active, 2 * kDim, 1)),
        centers(active, kDim),
        gradients(random_matrix<float>(active, kDim, 2)),
        features(random_matrix<float>(2, kDim, 3)),
        norms(1, active),
        positive_of(std::vector<int32_t>(active, -1)),
        changed(1, active) {
    std::vector<int32_t> of_class(active, -1);
    of_class[active / 2] = 0;
    positive_of = TestMatrix<int32_t>(of_class);
    for (int64_t j = 0; j < active; ++j) of_class[j] = static_cast<int32_t>(j);
    slots = TestMatrix<int32_t>(of_class);
  }
  DeviceRecords<BFloat16> view() const { return {records.view().address, kDim, 2 * kDim}; }

  TestMatrix<BFloat16> records, centers;
  TestMatrix<float> gradients, features, norms, coefficients{std::vector<float>{0.5f, -0.5f}};
  TestMatrix<int32_t> slots{1, 1}, positive_of, first_sample{std::vector<int32_t>{0, 2}},
      samples{std::vector<int32_t>{0, 1}}, not_finite{std::vector<int32_t>{0}};
  TestMatrix<uint8_t> changed;
};

int64_t bytes_of(const simt::Traffic& traffic, const char* kernel) {
  const simt::Traffic::Counts counts = traffic.of(kernel);
  EXPECT_EQ(counts.launches, 1) << kernel;
  return counts.loaded_bytes + counts.stored_bytes;
}

void expect_at_most(double counted_bytes, double bytes_to_move) {
  EXPECT_LE(counted_bytes, kMost * bytes_to_move);
  EXPECT_GE(counted_bytes, bytes_to_move);  // else something was not counted
  testing::Test::RecordProperty("megabytes",
                                fmt::format("{:.1f} of {:.1f}", counted_bytes / 1e6, bytes_to_move / 1e6));
}

TEST(DeviceTraffic, GatherReadsAndWritesCentersOnce) {
  constexpr int64_t kFew = 100;
  Rows rows(kFew);
  Stream stream;
  const simt::Traffic traffic;
  gather_centers<BFloat16>({rows.view().address, kDim, 2 * kDim}, rows.slots.span(), rows.centers.view(),
                           rows.norms.span(), rows.not_finite.span(), stream);
  stream.synchronize();
  const double of_number = static_cast<double>(bytes_of(traffic, "gather_centers")) / (kFew * kDim);
  expect_at_most(of_number * kActive * kDim, 2.0 * kNumber * kActive * kDim);
}

TEST(DeviceTraffic, ExpReadsLogitsOnceAndWritesThemOnce) {
  constexpr int64_t kFewClasses = 3 * kClassesOfChunk, kFewSamples = 256;
  const TestMatrix<BFloat16> products(random_matrix<BFloat16>(kFewClasses, kFewSamples, 1));
  const TestMatrix<float> norms(std::vector<float>(kFewClasses, 1)), partial(3, kFewSamples);
  const TestMatrix<int32_t> class_of(std::vector<int32_t>(kFewSamples, 5));
  Stream stream;
  const simt::Traffic traffic;
  exp_sums<BFloat16, BFloat16>({}, {.inverse_norms = norms.span(), .class_of = class_of.span()},
                               products.view(), products.view(), partial.view(), stream);
  stream.synchronize();
  const double of_logit = static_cast<double>(bytes_of(traffic, "exp_sums")) / (kFewClasses * kFewSamples);
  expect_at_most(of_logit * kActive * kSamples, 2.0 * kNumber * kActive * kSamples);
}

// Center and momentum, read and written, and a float32 gradient, read. Of a hundred rows one has two samples of its own.
TEST(DeviceTraffic, RowStepReadsAndWritesRecordsOnce) {
  constexpr int64_t kFew = 100;
  static_assert(2 * kActive / kFew >= kSamples);
  Rows rows(kFew);
  Stream stream;
  const simt::Traffic traffic;
  step_rows<BFloat16>({.learning_rate = 0.1}, rows.view(), rows.slots.span(), rows.slots.span(),
                      rows.norms.span(), rows.gradients.view(),
                      {rows.positive_of.span(), rows.first_sample.span(), rows.samples.span(),
                       rows.coefficients.span(), rows.features.view()},
                      1, 0, rows.changed.span(), stream);
  stream.synchronize();
  const double of_number = static_cast<double>(bytes_of(traffic, "step_rows")) / (kFew * kDim);
  expect_at_most(of_number * kActive * kDim, (4.0 * kNumber + sizeof(float)) * kActive * kDim);
}

}  // namespace
}  // namespace partialfc
