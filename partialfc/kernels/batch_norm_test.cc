#include "partialfc/kernels/batch_norm.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <limits>
#include <string>
#include <type_traits>
#include <vector>

#include "partialfc/base/random.h"

namespace partialfc {
namespace {

template <class T>
T from_float(float x) {
  if constexpr (std::is_same_v<T, float>)
    return x;
  else
    return to_bfloat16(x);
}

// Multiples of 1/8 from −2 to 2: with these, products and sums of all operations below are exact in float32, so that
// results are compared for equality.
class ExactNumbers {
 public:
  explicit ExactNumbers(uint64_t seed) : random_(seed, Purpose::kSyntheticData) {}
  float next() { return static_cast<float>(random_.below(33) - 16) / 8; }
  template <class T>
  std::vector<T> many(int64_t n) {
    std::vector<T> values(static_cast<size_t>(n));
    for (T& value : values) value = from_float<T>(next());
    return values;
  }

 private:
  RandomStream random_;
};

// A batch, its channels and room for results; a guard element after the last.
template <class T>
struct Case {
  Case(int64_t rows, int64_t cols)
      : rows(rows), cols(cols), out(rows * cols + 1, from_float<T>(kGuard)), exact(rows * cols) {
    ExactNumbers numbers(static_cast<uint64_t>(rows * 1000 + cols));
    // One element further than the start of an allocation: misaligned.
    x = numbers.many<T>(rows * cols + 1);
    other = numbers.many<T>(rows * cols + 1);
    for (auto* values : {&mean, &scale, &bias, &slope, &t_mean, &factor}) *values = numbers.many<float>(cols);
  }
  static constexpr float kGuard = 77;
  MatrixView<const T> view() const { return {x.data() + 1, rows, cols}; }
  const T* second() const { return other.data() + 1; }
  BatchNormChannels channels(bool prelu) const {
    return {mean.data(), scale.data(), bias.data(), prelu ? slope.data() : nullptr};
  }
  void expect_out_is_exact(const std::string& what) const {
    for (int64_t i = 0; i < rows * cols; ++i)
      ASSERT_EQ(to_float(out[i]), to_float(from_float<T>(static_cast<float>(exact[i]))))
          << what << ", " << rows << " x " << cols << ", element " << i;
    EXPECT_EQ(to_float(out.back()), kGuard) << what;  // nothing past the end
  }

  int64_t rows, cols;
  std::vector<T> x, other, out;
  std::vector<float> mean, scale, bias, slope, t_mean, factor;
  std::vector<double> exact;
};

// Every test runs for each instruction set this CPU has.
class BatchNorm : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }

  // Calls body(case) for both types over channels and rows with every tail.
  template <class Body>
  static void for_cases(Body body) {
    for (int64_t cols : {1, 3, 8, 16, 17, 24, 32, 64, 100})
      for (int64_t rows : {0, 1, 2, 7, 33, 1000}) {
        Case<float> in_float(rows, cols);
        body(in_float);
        Case<BFloat16> in_bfloat16(rows, cols);
        body(in_bfloat16);
      }
  }
};

TEST_P(BatchNorm, Moments) {
  for_cases([](auto& c) {
    const std::vector<double> start(c.cols, 0.5);  // results are added
    auto sum = start, square_sum = start, expected_sum = start, expected_square_sum = start;
    batch_norm_moments(c.view(), c.mean.data(), sum.data(), square_sum.data());
    reference::batch_norm_moments(c.view(), c.mean.data(), expected_sum.data(), expected_square_sum.data());
    EXPECT_EQ(sum, expected_sum) << c.rows << " x " << c.cols;
    EXPECT_EQ(square_sum, expected_square_sum) << c.rows << " x " << c.cols;
  });
}

TEST_P(BatchNorm, Forward) {
  for_cases([](auto& c) {
    for (bool prelu : {false, true})
      for (bool residual : {false, true}) {
        if (prelu && residual) continue;
        const auto* other = residual ? c.second() : nullptr;
        batch_norm_forward(c.channels(prelu), c.view(), other, c.out.data());
        reference::batch_norm_forward(c.channels(prelu), c.view(), other, c.exact.data());
        c.expect_out_is_exact(prelu ? "prelu" : residual ? "residual" : "plain");
      }
  });
}

TEST_P(BatchNorm, BackwardSums) {
  for_cases([](auto& c) {
    for (bool prelu : {false, true}) {
      const std::vector<double> start(c.cols, 0.25);
      auto t = start, t_x = start, slope = start, expected_t = start, expected_t_x = start,
           expected_slope = start;
      batch_norm_backward_sums(c.channels(prelu), c.view(), c.second(),
                               {t.data(), t_x.data(), prelu ? slope.data() : nullptr});
      reference::batch_norm_backward_sums(
          c.channels(prelu), c.view(), c.second(),
          {expected_t.data(), expected_t_x.data(), prelu ? expected_slope.data() : nullptr});
      EXPECT_EQ(t, expected_t) << c.rows << " x " << c.cols;
      EXPECT_EQ(t_x, expected_t_x) << c.rows << " x " << c.cols;
      EXPECT_EQ(slope, expected_slope) << c.rows << " x " << c.cols;
    }
  });
}

TEST_P(BatchNorm, Backward) {
  for_cases([](auto& c) {
    for (bool prelu : {false, true}) {
      batch_norm_backward(c.channels(prelu), c.t_mean.data(), c.factor.data(), c.view(), c.second(),
                          c.out.data());
      reference::batch_norm_backward(c.channels(prelu), c.t_mean.data(), c.factor.data(), c.view(),
                                     c.second(), c.exact.data());
      c.expect_out_is_exact(prelu ? "prelu" : "plain");
    }
  });
}

// Values whose rounding to bfloat16 is a tie, up or down, or not finite.
TEST_P(BatchNorm, RoundsToBFloat16) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float biases[] = {1 + 1.0f / 256,   1 + 3.0f / 256, 1 + 1.01f / 256,
                          -1 - 0.99f / 256, 3.4e38f,        1e-40f,
                          infinity,         -infinity,      std::bit_cast<float>(0x7fffffffu)};
  const float expected[] = {1,        1 + 4.0f / 256, 1 + 2.0f / 256,
                            -1,       infinity,       std::bit_cast<float>(0x00010000u),
                            infinity, -infinity};
  const int64_t cols = std::size(biases), rows = 9;
  const std::vector<float> zeros(cols);
  const std::vector<BFloat16> x(rows * cols);
  std::vector<BFloat16> y(rows * cols);
  batch_norm_forward<BFloat16>({zeros.data(), zeros.data(), biases}, {x.data(), rows, cols}, nullptr,
                               y.data());
  for (int64_t i = 0; i < rows * cols; ++i) {
    const int64_t c = i % cols;
    if (c == cols - 1)
      EXPECT_TRUE(std::isnan(to_float(y[i])));
    else
      EXPECT_EQ(to_float(y[i]), expected[c]) << biases[c];
    EXPECT_EQ(y[i].bits, to_bfloat16(biases[c]).bits);
  }
}

// A mean a thousand times the deviation: with a pivot inside the data the variance keeps its digits.
TEST_P(BatchNorm, MomentsDoNotCancel) {
  const int64_t rows = 10000, cols = 17;
  RandomStream random(5, Purpose::kSyntheticData);
  std::vector<float> x(rows * cols);
  for (float& value : x) value = static_cast<float>(1000 + random.normal());
  const MatrixView<const float> view(x.data(), rows, cols);
  std::vector<double> sum(cols), square_sum(cols), expected_sum(cols), expected_square_sum(cols);
  batch_norm_moments(view, view[0], sum.data(), square_sum.data());
  reference::batch_norm_moments(view, view[0], expected_sum.data(), expected_square_sum.data());
  for (int64_t c = 0; c < cols; ++c) {
    const double mean = sum[c] / rows, expected_mean = expected_sum[c] / rows;
    const double variance = square_sum[c] / rows - mean * mean;
    EXPECT_NEAR(variance, expected_square_sum[c] / rows - expected_mean * expected_mean, 2e-6);
    EXPECT_NEAR(variance, 1, 0.06);  // four deviations of the sample's variance
  }
}

std::vector<int64_t> targets() { return hwy::SupportedAndGeneratedTargets(); }

INSTANTIATE_TEST_SUITE_P(InstructionSets, BatchNorm, testing::ValuesIn(targets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

}  // namespace
}  // namespace partialfc
