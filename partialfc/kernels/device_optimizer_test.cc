#include "partialfc/kernels/device_optimizer.h"

#include <gmock/gmock.h>

#include <cmath>
#include <limits>

#include "partialfc/base/random.h"
#include "partialfc/device/test_device.h"

namespace partialfc {
namespace {

const OptimizerOptions kSgd{.kind = OptimizerOptions::Kind::kSgd, .momentum = 0.8f, .weight_decay = 0.01f};
const OptimizerOptions kAdamW{.kind = OptimizerOptions::Kind::kAdamW,
                              .weight_decay = 0.1f,
                              .beta1 = 0.7f,
                              .beta2 = 0.95f,
                              .epsilon = 1e-4f};

std::vector<float> random_numbers(int64_t n, uint64_t key) {
  std::vector<float> values(static_cast<size_t>(n));
  RandomStream random(key, Purpose::kSyntheticData);
  for (float& value : values) value = static_cast<float>(random.uniform(-1, 1));
  return values;
}

double norm_of(const std::vector<float>& values) {
  double sum = 0;
  for (const float value : values) sum += double{value} * value;
  return std::sqrt(sum);
}

// Parameters and moments on the device.
struct Model {
  explicit Model(int64_t n, const OptimizerOptions& options, double clip_norm)
      : w(to_device(random_numbers(n, 1))),
        m(to_device(std::vector<float>(static_cast<size_t>(n)))),
        v(to_device(std::vector<float>(options.states() > 1 ? static_cast<size_t>(n) : 0))),
        optimizer(options, clip_norm, stream) {}

  DeviceStepState step(double rate, const std::vector<float>& gradient) {
    const DeviceBuffer<float> g = to_device(gradient);
    optimizer.step(rate, g.span(), w.span(), m.span(), v.span());
    stream.synchronize();
    return optimizer.state();
  }
  std::vector<std::vector<float>> values() {
    return {to_host(w.span(), stream), to_host(m.span(), stream), to_host(v.span(), stream)};
  }

  Stream stream;
  DeviceBuffer<float> w, m, v;
  DeviceOptimizer optimizer;
};

struct Case {
  OptimizerOptions options;
  double clip_norm;
  int64_t n;
};

class DeviceOptimizerSteps : public testing::TestWithParam<Case> {};

TEST_P(DeviceOptimizerSteps, AreTheHosts) {
  const auto& [options, clip_norm, n] = GetParam();
  Model model(n, options, clip_norm);
  std::vector<float> w = random_numbers(n, 1), m(w.size()), v(options.states() > 1 ? w.size() : 0);
  std::vector<double> exact_w(w.begin(), w.end()), exact_m(w.size()), exact_v(w.size());
  for (int64_t t = 1; t <= 4; ++t) {
    std::vector<float> g = random_numbers(n, 10 + static_cast<uint64_t>(t));
    const double norm = norm_of(g);
    const DeviceStepState state = model.step(0.05, g);
    EXPECT_NEAR(state.norm, norm, 1e-12 * norm);
    EXPECT_EQ(state.updates, t);
    std::vector<double> exact_g(g.begin(), g.end());
    if (clip_norm > 0 && norm > clip_norm)
      for (double& value : exact_g) value *= clip_norm / norm;
    reference::optimizer_step(options, 0.05, t, exact_g.data(), exact_w.data(), exact_m.data(),
                              exact_v.data(), n);
  }
  const auto got = model.values();
  for (size_t i = 0; i < w.size(); ++i) {
    ASSERT_NEAR(got[0][i], exact_w[i], 2e-6) << i;
    ASSERT_NEAR(got[1][i], exact_m[i], 2e-6) << i;
    if (!v.empty()) {
      ASSERT_NEAR(got[2][i], exact_v[i], 2e-6) << i;
    }
  }
}

// Less than a vector, than a block, than all blocks of the sum; with tails. Clipped in all steps, and in none.
INSTANTIATE_TEST_SUITE_P(All, DeviceOptimizerSteps,
                         testing::Values(Case{kSgd, 0, 3}, Case{kSgd, 0.5, 1024}, Case{kAdamW, 0, 1029},
                                         Case{kAdamW, 2, 5000}, Case{kSgd, 1e9, 5001},
                                         Case{kAdamW, 2, 270'002}));

TEST(DeviceOptimizer, NothingChangesWhereTheGradientIsNotFinite) {
  for (const float bad : {std::numeric_limits<float>::infinity(), std::nanf("")}) {
    Model model(1029, kAdamW, 5);
    std::vector<float> g = random_numbers(1029, 3);
    model.step(0.1, g);
    const auto before = model.values();
    for (const size_t place : {size_t{0}, size_t{700}, size_t{1028}}) {
      std::vector<float> broken = g;
      broken[place] = bad;
      const DeviceStepState state = model.step(0.1, broken);
      EXPECT_FALSE(std::isfinite(state.norm));
      EXPECT_EQ(state.updates, 1);
      EXPECT_EQ(model.values(), before);
    }
  }
}

// A sum of squares past float32's range is a norm within it.
TEST(DeviceOptimizer, LargeGradientsAreClipped) {
  Model model(2, kSgd, 1);
  const DeviceStepState state = model.step(0.1, {3e30f, 4e30f});
  EXPECT_NEAR(state.norm, 5e30, 1e24);
  EXPECT_EQ(state.updates, 1);
  EXPECT_THAT(model.values()[1], testing::Each(testing::Truly([](float m) { return std::abs(m) < 1; })));
}

TEST(DeviceOptimizer, UpdatesGoOnFromWhereTheyWere) {
  Model whole(64, kAdamW, 0), later(64, kAdamW, 0);
  const std::vector<float> g = random_numbers(64, 3), h = random_numbers(64, 4);
  whole.step(0.1, g);
  const auto between = whole.values();
  whole.step(0.1, h);
  later.w = to_device(between[0]), later.m = to_device(between[1]), later.v = to_device(between[2]);
  later.optimizer.set_updates(1);
  EXPECT_EQ(later.step(0.1, h).updates, 2);
  EXPECT_EQ(later.values(), whole.values());
  // Also while a step is still queued.
  const DeviceBuffer<float> gradient = to_device(g);
  later.optimizer.step(0.1, gradient.span(), later.w.span(), later.m.span(), later.v.span());
  later.optimizer.set_updates(7);
  EXPECT_EQ(later.step(0.1, h).updates, 8);
}

}  // namespace
}  // namespace partialfc
