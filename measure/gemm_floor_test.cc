#include "measure/gemm_floor.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "measure/onednn.h"
#include "partialfc/base/test_support.h"
#include "partialfc/kernels/bfloat16_gemm.h"

namespace partialfc {
namespace {

TEST(GemmFloor, TakesEachProductByOneOfItsWays) {
  for (const Precision precision : {Precision::kFloat32, Precision::kBFloat16}) {
    const bool is_bfloat16 = precision == Precision::kBFloat16;
    if (is_bfloat16 && bfloat16_unit() == BFloat16Unit::kNone) continue;
    if (is_bfloat16 && onednn_versions().built.empty()) {
      EXPECT_EQ(message_of([] {
                  GemmFloor({.batch = 1, .samples = 1, .dim = 1, .precision = Precision::kBFloat16});
                }),
                "bare products in bfloat16 are oneDNN's, and partialfc was built without it: leave them out "
                "(--no-floor)");
      continue;
    }
    GemmFloor floor({.batch = 16, .samples = 300, .dim = 24, .threads = 2, .precision = precision});
    for (const double seconds : floor.measure()) EXPECT_GT(seconds, 0);
    for (int product = 0; product < GemmFloor::kProducts; ++product)
      EXPECT_TRUE(floor.way(product) == "oneDNN" || floor.way(product).starts_with("OpenBLAS"))
          << floor.way(product);
    if (is_bfloat16) {
      EXPECT_EQ(floor.way(0), "oneDNN");  // OpenBLAS has no such products
    }
  }
}

// Nine times the samples take longer: the floor does the work that it is asked for.
TEST(GemmFloor, GrowsWithTheSamples) {
  const auto least = [](int64_t samples) {
    GemmFloor floor({.batch = 64, .samples = samples, .dim = 256});
    double seconds = 1e9;
    for (int i = 0; i < 5; ++i) seconds = std::min(seconds, floor.measure()[0]);
    return seconds;
  };
  EXPECT_GT(least(18'000), least(2'000));
}

}  // namespace
}  // namespace partialfc
