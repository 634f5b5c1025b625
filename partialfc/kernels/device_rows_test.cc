// Rows of class centers: one body over the host's functions and the device's kernels, against float64.
#include "partialfc/kernels/device_rows.h"

#include <gmock/gmock.h>

#include <limits>

#include "partialfc/device/test_matrix.h"

namespace partialfc {
namespace {

constexpr int64_t kDims[] = {1, 6, 7, 8, 12, 31, 33, 64, 120, 256, 264, 512, 520, 1024, 1032};

// How records lie: `offset` numbers past a multiple of 16 bytes.
struct Layout {
  int64_t dim = 0;
  int states = 1;
  int64_t offset = 0;
  int64_t numbers() const { return (1 + states) * dim; }
};

template <class T>
struct Gathered {
  Matrix<T> centers;  // (T, stride)
  std::vector<float> inverse_norms;
  bool not_finite = false;
};

struct Host {
  template <class T>
  static Gathered<T> gather(const Layout& layout, const Matrix<T>& records, const std::vector<int32_t>& slots,
                            int64_t stride) {
    Gathered<T> out{.centers = {std::ssize(slots), stride},
                    .inverse_norms = std::vector<float>(slots.size())};
    for (size_t j = 0; j < slots.size(); ++j) {
      if (slots[j] < 0) continue;
      std::vector<float> w(layout.dim), copy(layout.dim);
      std::copy_n(records[slots[j]], layout.dim, out.centers[j]);
      std::transform(records[slots[j]], records[slots[j]] + layout.dim, w.begin(),
                     [](T x) { return to_float(x); });
      out.inverse_norms[j] = copy_with_norm(w.data(), copy.data(), layout.dim);
      out.not_finite |= !std::ranges::all_of(w, [](float x) { return std::isfinite(x); });
    }
    return out;
  }

  template <class T>
  static Matrix<T> draw(const Layout& layout, int64_t rows, const RandomPermutation& placement,
                        int64_t first_position, uint64_t key, float sigma) {
    Matrix<T> records(rows, layout.numbers());
    for (int64_t i = 0; i < rows; ++i) {
      std::vector<float> center(layout.dim);
      fill_normal(center, key, static_cast<uint64_t>(placement.inverse(first_position + i)), sigma);
      std::ranges::transform(center, records[i], number_as<T>);
    }
    return records;
  }
};

struct Device {
  template <class T>
  static DeviceRecords<T> view_of(const TestMatrix<T>& records, const Layout& layout) {
    return {records.view().address, layout.dim, layout.numbers()};
  }

  template <class T>
  static Gathered<T> gather(const Layout& layout, const Matrix<T>& records, const std::vector<int32_t>& slots,
                            int64_t stride) {
    const TestMatrix<T> store(records, records.cols(), layout.offset);
    const TestMatrix<T> centers(std::ssize(slots), layout.dim, stride, layout.offset);
    const TestMatrix<int32_t> places(slots), not_finite(std::vector<int32_t>{0});
    const TestMatrix<float> norms(std::vector<float>(slots.size()));
    Stream stream;
    const DeviceRecords<T> all = view_of(store, layout);
    gather_centers<T>({all.address, all.dim, all.numbers}, places.span(), centers.view(), norms.span(),
                      not_finite.span(), stream);
    stream.synchronize();
    return {centers.read(stride), norms.values(), not_finite.values()[0] != 0};
  }

  template <class T>
  static Matrix<T> draw(const Layout& layout, int64_t rows, const RandomPermutation& placement,
                        int64_t first_position, uint64_t key, float sigma) {
    const TestMatrix<T> records(rows, layout.numbers());
    Stream stream;
    draw_rows<T>(view_of(records, layout), rows, placement, first_position, key, sigma, stream);
    stream.synchronize();
    return records.read();
  }
};

template <class P, class T>
struct On {
  using Place = P;
  using Number = T;
};

template <class Case>
class DeviceRows : public DeviceTest {
 public:
  using Place = typename Case::Place;
  using T = typename Case::Number;
};
using Cases = testing::Types<On<Host, float>, On<Host, BFloat16>, On<Device, float>, On<Device, BFloat16>>;
TYPED_TEST_SUITE(DeviceRows, Cases);

#define PFC_CASE                             \
  using Place = typename TestFixture::Place; \
  using T = typename TestFixture::T

// Ten records, of which the slots take some, one twice, and none in one place.
constexpr int64_t kRecords = 10;
const std::vector<int32_t> kSlots = {3, 0, -1, 4, 9, 4, 8, 1, 2, -1};

TYPED_TEST(DeviceRows, GatherCopiesAndMeasures) {
  PFC_CASE;
  for (const int64_t dim : kDims)
    for (const Layout& layout : {Layout{dim, 1}, Layout{dim, 2, 1}}) {
      SCOPED_TRACE(fmt::format("D = {}, {} states, offset {}", dim, layout.states, layout.offset));
      Matrix<T> records = random_matrix<T>(kRecords, layout.numbers(), 1);
      std::fill_n(records[9], dim, T{});
      std::fill_n(records[8], dim, number_as<T>(1e-20f));
      const int64_t stride = padded_for_device(dim) + 40;  // longer than a warp past the center
      const Gathered<T> got = Place::template gather<T>(layout, records, kSlots, stride);
      EXPECT_FALSE(got.not_finite);
      for (int64_t j = 0; j < std::ssize(kSlots); ++j) {
        for (int64_t d = 0; d < stride; ++d)
          ASSERT_EQ(got.centers(j, d), kSlots[j] >= 0 && d < dim ? records(kSlots[j], d) : T{})
              << j << ", " << d;
        if (kSlots[j] < 0) {
          EXPECT_EQ(got.inverse_norms[j], 0);
          continue;
        }
        const std::vector<double> w = in_float64(records[kSlots[j]], dim);
        const double expected = reference::inverse_norm(w.data(), dim);
        EXPECT_NEAR(got.inverse_norms[j], expected, 1e-6 * expected);
      }
    }
}

TYPED_TEST(DeviceRows, GatherTellsOfNumbersThatAreNone) {
  PFC_CASE;
  const Layout layout{.dim = 40};
  for (const float value : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()})
    for (const int64_t d : {0, 31, 39}) {
      Matrix<T> records = random_matrix<T>(kRecords, layout.numbers(), 2);
      records(7, d) = number_as<T>(value);
      records(3, 40 + d) = number_as<T>(value);  // a state
      EXPECT_FALSE(Place::template gather<T>(layout, records, kSlots, 40).not_finite);
      EXPECT_TRUE(Place::template gather<T>(layout, records, {-1, 7, 3}, 40).not_finite);
    }
}

// The operations are the same (normal_pair.h): the last digits differ only where the host does not fuse them.
TYPED_TEST(DeviceRows, FirstRowsAreTheHosts) {
  PFC_CASE;
  const RandomPermutation placement(1000, 3);
  for (const int64_t dim : {1, 3, 4, 5, 127, 128, 130, 512})
    for (const int64_t rows : {1, 8, 33}) {
      const Layout layout{dim};
      const Matrix<T> got = Place::template draw<T>(layout, rows, placement, 900, 77, 0.01f);
      for (int64_t i = 0; i < rows; ++i) {
        std::vector<float> expected(dim);
        fill_normal(expected, 77, static_cast<uint64_t>(placement.inverse(900 + i)), 0.01f);
        for (int64_t d = 0; d < dim; ++d) {
          const float x = expected[d], unit = std::abs(std::nextafter(x, 2.0f) - x);
          const float off = std::abs(to_float(got(i, d)) - x);
          ASSERT_LE(off, (std::is_same_v<T, float> ? 2 * unit : std::abs(x) * 0x1.01p-8f)) << i << ", " << d;
          EXPECT_EQ(got(i, dim + d), T{});
        }
      }
    }
}

template <class T>
class DeviceRecordCopies : public DeviceTest {};
using Numbers = testing::Types<float, BFloat16>;
TYPED_TEST_SUITE(DeviceRecordCopies, Numbers);

TYPED_TEST(DeviceRecordCopies, OutAndIn) {
  using T = TypeParam;
  const std::vector<int32_t> slots = {3, 0, 9, 4, 8, 1, 2, 7, 6};
  for (const int64_t dim : {1, 16, 33}) {
    const Matrix<T> records = random_matrix<T>(kRecords, 2 * dim, 6);
    const Matrix<T> before = random_matrix<T>(kRecords, 2 * dim, 7);
    const TestMatrix<T> from(records), to(before), piece(1, std::ssize(slots) * 2 * dim);
    const TestMatrix<int32_t> places(slots);
    Stream stream;
    copy_out_records<T>({from.view().address, dim, 2 * dim}, places.span(), piece.span(), stream);
    copy_in_records<T>(piece.span(), places.span(), {to.view().address, dim, 2 * dim}, stream);
    stream.synchronize();
    const Matrix<T> out = piece.read(), in = to.read();
    for (int64_t i = 0; i < kRecords; ++i) {
      const int64_t place = std::ranges::find(slots, i) - slots.begin();
      for (int64_t e = 0; e < 2 * dim; ++e) {
        if (place < std::ssize(slots)) {
          EXPECT_EQ(out(0, place * 2 * dim + e), records(i, e));
        }
        EXPECT_EQ(in(i, e), place < std::ssize(slots) ? records(i, e) : before(i, e));
      }
    }
  }
}

// Two forward halves with rows in common: each row once, its gradients added up, and all forgotten afterwards.
TEST_F(DeviceTest, RowsOfSeveralForwardHalves) {
  constexpr int64_t kDim = 37;
  constexpr int64_t kRows = 12;  // more than there are
  const std::vector<std::vector<int32_t>> slots = {{3, 0, -1, 9, 4, 8, 1, 2, 5}, {9, -1, 6, 3}};
  const std::vector<int32_t> positive_of = {-1, 0, -1, 1, -1, -1, -1, -1, -1}, first_sample = {0, 2, 3},
                             samples = {2, 0, 1};
  const std::vector<float> coefficients = {0.5f, -1, 2};
  const Matrix<float> features = random_matrix<float>(3, kDim, 1);
  const TestMatrix<int32_t> row_of_slot(std::vector<int32_t>(kRecords, -1)),
      of_rows(std::vector<int32_t>(kRows, -1)), count(std::vector<int32_t>{0}),
      device_positive_of(positive_of), device_first(first_sample), device_samples(samples);
  const TestMatrix<float> norms(std::vector<float>(kRows, 0)), sums(kRows, kDim, kDim + 3),
      device_coefficients(coefficients), device_features(features);
  const DeviceRowSums rows{row_of_slot.span(), of_rows.span(), of_rows.span(),
                           norms.span(),       count.span(),   sums.view()};
  Stream stream;
  Matrix<double> expected(kRecords, kDim);
  for (size_t half = 0; half < slots.size(); ++half) {
    const int64_t classes = std::ssize(slots[half]);
    std::vector<float> half_norms;
    for (const int32_t slot : slots[half]) half_norms.push_back(static_cast<float>(slot + 2));
    const Matrix<float> gradients = random_matrix<float>(classes, kDim, 2 + half);
    for (int64_t j = 0; j < classes; ++j) {
      if (slots[half][j] < 0) continue;
      for (int64_t d = 0; d < kDim; ++d) {
        double& sum = expected(slots[half][j], d);
        sum += gradients(j, d);
        if (const int k = positive_of[j]; k >= 0)
          for (int i = first_sample[k]; i < first_sample[k + 1]; ++i)
            sum += double{coefficients[samples[i]]} * half_norms[j] * features(samples[i], d);
      }
    }
    const TestMatrix<int32_t> places(slots[half]);
    const TestMatrix<float> device_norms(half_norms), device_gradients(gradients, kDim + 1, 1);
    add_rows(places.span(), places.span(), device_norms.span(), rows, stream);
    add_gradients(places.span(), device_norms.span(), device_gradients.view(),
                  {device_positive_of.span().part(0, classes), device_first.span(), device_samples.span(),
                   device_coefficients.span(), device_features.view()},
                  rows, stream);
    stream.synchronize();
  }
  ASSERT_EQ(count.values()[0], 9);
  const std::vector<int32_t> slot_of = of_rows.values(), row_of = row_of_slot.values();
  const Matrix<float> got = sums.read();
  std::vector<int32_t> seen;
  for (int32_t row = 0; row < kRows; ++row) {
    if (row >= 9) {
      EXPECT_EQ(slot_of[row], -1);
      continue;
    }
    seen.push_back(slot_of[row]);
    EXPECT_EQ(row_of[slot_of[row]], row);
    EXPECT_EQ(norms.values()[row], static_cast<float>(slot_of[row] + 2));
    for (int64_t d = 0; d < kDim; ++d) EXPECT_NEAR(got(row, d), expected(slot_of[row], d), 1e-5);
  }
  EXPECT_THAT(seen, testing::UnorderedElementsAre(0, 1, 2, 3, 4, 5, 6, 8, 9));
  forget_rows(rows, stream);
  stream.synchronize();
  EXPECT_THAT(row_of_slot.values(), testing::Each(-1));
  EXPECT_THAT(of_rows.values(), testing::Each(-1));
}

}  // namespace
}  // namespace partialfc
