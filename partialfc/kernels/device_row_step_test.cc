// The step of rows of class centers: one body over the host's function and the device's kernel, against float64.
#include <gtest/gtest.h>

#include "partialfc/device/test_matrix.h"
#include "partialfc/kernels/device_rows.h"
#include "partialfc/kernels/stochastic_rounding.h"

namespace partialfc {
namespace {

constexpr int64_t kDims[] = {1, 6, 7, 8, 12, 33, 120, 256, 264, 512, 520, 1024, 1032};
constexpr int64_t kRecords = 10;

// How records lie: `offset` numbers past a multiple of 16 bytes.
struct Layout {
  int64_t dim = 0;
  int states = 1;
  int64_t offset = 0;
  int64_t numbers() const { return (1 + states) * dim; }
};

template <class T>
struct StepCase {
  RowStep step;
  std::vector<int32_t> slots, positive_of, first_sample, samples;
  std::vector<float> inverse_norms, coefficients;
  Matrix<float> gradients, features;
  uint64_t rounding_key = 5;
  int64_t first_position = 11;
};

// What a step leaves.
template <class T>
struct Stepped {
  Matrix<T> records;
  std::vector<uint8_t> changed;
};

struct Host {
  template <class T>
  static Stepped<T> step(const Layout& layout, Matrix<T> records, const StepCase<T>& c) {
    std::vector<uint8_t> changed(records.rows(), 0);
    for (size_t j = 0; j < c.slots.size(); ++j) {
      if (c.slots[j] < 0) continue;
      std::vector<float> gradient(c.gradients[j], c.gradients[j] + layout.dim), scratch(layout.numbers());
      if (const int k = c.positive_of[j]; k >= 0)
        for (int i = c.first_sample[k]; i < c.first_sample[k + 1]; ++i)
          for (int64_t d = 0; d < layout.dim; ++d)
            gradient[d] += c.coefficients[c.samples[i]] * c.inverse_norms[j] * c.features(c.samples[i], d);
      T* const record = records[c.slots[j]];
      const uint64_t key = mix(c.rounding_key, static_cast<uint64_t>(c.first_position + c.slots[j]));
      if constexpr (std::is_same_v<T, float>)
        step_row(c.step, c.inverse_norms[j], gradient.data(), record, layout.dim);
      else
        step_row(c.step, c.inverse_norms[j], gradient.data(), record, layout.dim, key, scratch.data());
      changed[c.slots[j]] = 1;
    }
    return {std::move(records), std::move(changed)};
  }
};

struct Device {
  template <class T>
  static Stepped<T> step(const Layout& layout, const Matrix<T>& records, const StepCase<T>& c) {
    const TestMatrix<T> store(records, records.cols(), layout.offset);
    const TestMatrix<uint8_t> changed(std::vector<uint8_t>(records.rows(), 0));
    const TestMatrix<int32_t> slots(c.slots), positive_of(c.positive_of), first_sample(c.first_sample),
        samples(c.samples);
    const TestMatrix<float> norms(c.inverse_norms), coefficients(c.coefficients);
    // Rows further apart than they are long, as padding makes them; without alignment where the records have none.
    const int64_t apart = (layout.dim + 7) / 4 * 4 + (layout.dim == 120 ? 1 : 0);
    const TestMatrix<float> gradients(c.gradients, apart, layout.offset), features(c.features, apart + 1);
    Stream stream;
    step_rows<T>(
        c.step, {store.view().address, layout.dim, layout.numbers()}, slots.span(), slots.span(),
        norms.span(), gradients.view(),
        {positive_of.span(), first_sample.span(), samples.span(), coefficients.span(), features.view()},
        c.rounding_key, c.first_position, changed.span(), stream);
    stream.synchronize();
    return {store.read(), changed.values()};
  }
};

template <class P, class T>
struct On {
  using Place = P;
  using Number = T;
};

template <class Case>
class DeviceRowStep : public DeviceTest {
 public:
  using Place = typename Case::Place;
  using T = typename Case::Number;
};
using Cases = testing::Types<On<Host, float>, On<Host, BFloat16>, On<Device, float>, On<Device, BFloat16>>;
TYPED_TEST_SUITE(DeviceRowStep, Cases);

#define PFC_CASE                             \
  using Place = typename TestFixture::Place; \
  using T = typename TestFixture::T

const RowStep kSgd{.optimizer = {.momentum = 0.8f, .weight_decay = 0.03f},
                   .learning_rate = 0.2,
                   .t = 3,
                   .gradient_scale = 0.5f};
const RowStep kAdamW{.optimizer = {.kind = OptimizerOptions::Kind::kAdamW,
                                   .weight_decay = 0.03f,
                                   .beta1 = 0.8f,
                                   .beta2 = 0.7f,
                                   .epsilon = 0.1f},
                     .learning_rate = 0.2,
                     .t = 3,
                     .gradient_scale = 0.5f};

// Some classes have samples: one, several, and none of those that there are.
template <class T>
StepCase<T> step_case(const RowStep& step, const Matrix<T>& records, int64_t dim) {
  StepCase<T> c{.step = step,
                .slots = {3, 0, -1, 9, 4, 8, 1, 2, 5},
                .positive_of = {-1, 0, -1, 2, -1, 1, -1, 3, -1},
                .first_sample = {0, 1, 4, 5, 7},
                .samples = {6, 0, 2, 5, 1, 3, 7},
                .gradients = random_matrix<float>(9, dim, 3),
                .features = random_matrix<float>(8, dim, 4)};
  for (int n = 0; n < 8; ++n) c.coefficients.push_back(0.1f * static_cast<float>(n - 4));
  for (const int32_t slot : c.slots) {
    const std::vector<double> w = in_float64(records[std::max(slot, 0)], dim);
    c.inverse_norms.push_back(static_cast<float>(reference::inverse_norm(w.data(), dim)));
  }
  return c;
}

template <class T>
Matrix<T> records_for(const Layout& layout) {
  Matrix<T> records = random_matrix<T>(kRecords, layout.numbers(), 5);
  for (int64_t i = 0; i < kRecords; ++i)
    for (int64_t d = 2 * layout.dim; d < layout.numbers(); ++d)  // second moments
      records(i, d) = number_as<T>(std::abs(to_float(records(i, d))));
  return records;
}

// The step of row j in float64: its record afterwards.
template <class T>
std::vector<double> exact_step(const Layout& layout, const T* record, const StepCase<T>& c, int64_t j) {
  const int64_t dim = layout.dim;
  std::vector<double> out = in_float64(record, layout.numbers()), w(out.begin(), out.begin() + dim);
  std::vector<double> gradient = in_float64(c.gradients[j], dim);
  const double inverse = reference::inverse_norm(w.data(), dim);
  for (double& g : gradient) g /= inverse;  // by ŵ
  if (const int k = c.positive_of[j]; k >= 0)
    for (int i = c.first_sample[k]; i < c.first_sample[k + 1]; ++i)
      for (int64_t d = 0; d < dim; ++d)
        gradient[d] += double{c.coefficients[c.samples[i]]} * c.features(c.samples[i], d);
  reference::through_normalization(w.data(), gradient.data(), dim);
  for (double& g : gradient) g *= c.step.gradient_scale;
  reference::optimizer_step(c.step.optimizer, c.step.learning_rate, c.step.t, gradient.data(), out.data(),
                            &out[dim], out.data() + 2 * dim, dim);
  return out;
}

// float32 loses digits of a gradient that grows as its center is short. Rounded at random a number is one of its two
// neighbours: off by less than a unit in the last place.
template <class T>
double tolerance_of(double expected, double inverse_norm) {
  const double float32 = 2e-6 * (1 + inverse_norm) * (0.1 + std::abs(expected));
  return std::is_same_v<T, float> ? float32 : float32 + 0x1.0p-7 * std::abs(expected);
}

TYPED_TEST(DeviceRowStep, AStepIsTheReferences) {
  PFC_CASE;
  for (const RowStep& step : {kSgd, kAdamW})
    for (const int64_t dim : kDims)
      for (const int64_t offset : {0, 1}) {
        const Layout layout{dim, step.optimizer.states(), offset};
        SCOPED_TRACE(fmt::format("D = {}, {} states, offset {}", dim, layout.states, offset));
        const Matrix<T> records = records_for<T>(layout);
        const StepCase<T> c = step_case(step, records, dim);
        const Stepped<T> got = Place::template step<T>(layout, records, c);
        std::vector<uint8_t> changed(kRecords, 0);
        for (int64_t slot = 0; slot < kRecords; ++slot) {
          const int64_t j = std::ranges::find(c.slots, slot) - c.slots.begin();
          changed[slot] = j < std::ssize(c.slots);
          const std::vector<double> expected = changed[slot] != 0
                                                   ? exact_step(layout, records[slot], c, j)
                                                   : in_float64(records[slot], layout.numbers());
          for (int64_t i = 0; i < layout.numbers(); ++i)
            ASSERT_NEAR(to_float(got.records(slot, i)), expected[i],
                        changed[slot] != 0 ? tolerance_of<T>(expected[i], c.inverse_norms[j]) : 0)
                << "slot " << slot << ", number " << i;
        }
        EXPECT_EQ(got.changed, changed);
      }
}

// Below ε the normalisation is linear: a row of zeros steps by the gradient as it is.
TYPED_TEST(DeviceRowStep, ARowOfZerosSteps) {
  PFC_CASE;
  for (const int64_t dim : {7, 64}) {
    const Layout layout{dim};
    StepCase<T> c{.step = {.optimizer = {.momentum = 0, .weight_decay = 0}, .learning_rate = 1},
                  .slots = {1, 0},
                  .positive_of = {-1, -1},
                  .inverse_norms = {1 / kNormEpsilon, 1 / kNormEpsilon},
                  .gradients = Matrix<float>(2, dim),
                  .features = Matrix<float>(1, dim)};
    Matrix<T> records(2, layout.numbers());
    std::fill_n(records[1], dim, number_as<T>(0x1.0p-50f));
    c.gradients.fill(0.25f);
    const Stepped<T> got = Place::template step<T>(layout, records, c);
    for (int64_t d = 0; d < dim; ++d) {
      EXPECT_EQ(to_float(got.records(0, d)), -0.25f);
      EXPECT_NEAR(to_float(got.records(1, d)), -0.25f, (std::is_same_v<T, float> ? 0 : 0x1.0p-9));
    }
  }
}

// Numbers that float32 holds and bfloat16 does not, and no rounding before the last: the bits are the host's.
TYPED_TEST(DeviceRowStep, RoundingBitsAreTheHosts) {
  PFC_CASE;
  for (const int64_t dim : kDims)
    for (const int64_t offset : {0, 1}) {
      const Layout layout{dim, 1, offset};
      Matrix<T> records(kRecords, layout.numbers());
      RandomStream random(8, Purpose::kSyntheticData);
      for (int64_t i = 0; i < records.size(); ++i)
        records.data()[i] = number_as<T>(static_cast<float>(random.below(256) - 128) / 128);
      StepCase<T> c =
          step_case<T>({.optimizer = {.momentum = 0.25f, .weight_decay = 0.0625f}, .learning_rate = 0x1.0p-4},
                       records, dim);
      c.gradients.fill(0);
      std::ranges::fill(c.positive_of, -1);
      const Stepped<T> got = Place::template step<T>(layout, records, c);
      for (const int32_t slot : c.slots) {
        if (slot < 0) continue;
        std::vector<float> exact(layout.numbers());
        for (int64_t d = 0; d < dim; ++d) {
          const float w = to_float(records(slot, d));
          exact[dim + d] = 0.25f * to_float(records(slot, dim + d)) + 0.0625f * w;
          exact[d] = w - 0x1.0p-4f * exact[dim + d];
        }
        std::vector<T> expected(exact.size());
        if constexpr (std::is_same_v<T, float>)
          expected = exact;
        else
          reference::round_stochastically(mix(c.rounding_key, static_cast<uint64_t>(c.first_position + slot)),
                                          exact.data(), expected.data(), layout.numbers());
        for (int64_t i = 0; i < layout.numbers(); ++i)
          ASSERT_EQ(got.records(slot, i), expected[i])
              << "D = " << dim << ", slot " << slot << ", number " << i;
      }
    }
}

}  // namespace
}  // namespace partialfc
