#include "partialfc/kernels/vector_ops.h"

#include <gtest/gtest.h>
#include <hwy/targets.h>

#include <cmath>
#include <functional>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "partialfc/base/random.h"

namespace partialfc {
namespace {

// Every test runs for each instruction set this CPU has, over lengths with every tail and misaligned starts.
class VectorOps : public testing::TestWithParam<int64_t> {
 protected:
  void SetUp() override { hwy::SetSupportedTargetsForTest(GetParam()); }
  void TearDown() override { hwy::SetSupportedTargetsForTest(0); }

  static std::vector<float> numbers(size_t n, double low, double high, uint64_t seed) {
    RandomStream random(seed, Purpose::kSyntheticData);
    std::vector<float> values(n);
    for (float& value : values) value = static_cast<float>(random.uniform(low, high));
    return values;
  }

  static void for_lengths(const std::function<void(int64_t n, int64_t offset)>& body) {
    for (int64_t n : {0, 1, 2, 3, 7, 8, 15, 16, 17, 31, 33, 63, 64, 65, 127, 512, 1000})
      for (int64_t offset : {0, 1, 3}) body(n, offset);
  }
};

TEST_P(VectorOps, DotScaleAddScaled) {
  for_lengths([](int64_t n, int64_t offset) {
    const auto a = numbers(n + offset, -1, 1, 1), b = numbers(n + offset, -1, 1, 2);
    EXPECT_NEAR(dot(a.data() + offset, b.data() + offset, n),
                reference::dot(a.data() + offset, b.data() + offset, n), 2e-7 * (n + 1));
    std::vector<float> scaled(n + offset + 1, 9.0f), added = b;
    scale(-2.5f, a.data() + offset, scaled.data() + offset, n);
    add_scaled(0.25f, a.data() + offset, added.data() + offset, n);
    for (int64_t i = 0; i < n; ++i) {
      EXPECT_EQ(scaled[offset + i], -2.5f * a[offset + i]);
      EXPECT_NEAR(added[offset + i], b[offset + i] + 0.25f * a[offset + i], 2e-7);
    }
    EXPECT_EQ(scaled[offset + n], 9.0f);  // nothing past the end
  });
}

TEST_P(VectorOps, AllFinite) {
  for_lengths([](int64_t n, int64_t offset) {
    auto x = numbers(n + offset, -1e30, 1e30, 3);
    EXPECT_TRUE(all_finite(x.data() + offset, n));
    for (int64_t i = 0; i < n; i += 5)
      for (float bad : {NAN, INFINITY, -INFINITY}) {
        const float good = std::exchange(x[offset + i], bad);
        EXPECT_FALSE(all_finite(x.data() + offset, n));
        x[offset + i] = good;
      }
  });
}

std::vector<int64_t> targets() { return hwy::SupportedAndGeneratedTargets(); }

INSTANTIATE_TEST_SUITE_P(InstructionSets, VectorOps, testing::ValuesIn(targets()),
                         [](const auto& info) { return std::string(hwy::TargetName(info.param)); });

}  // namespace
}  // namespace partialfc
