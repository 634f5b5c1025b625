#include "partialfc/device/compute_capability.h"

#include <array>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

constexpr std::array kDefault = {75, 80, 86, 89, 90, 100, 120};

std::string refusal(const char* name, int major, int minor, std::span<const int> compiled) {
  return message_of([&] { refuse_capability({.name = name, .major = major, .minor = minor}, 1, compiled); });
}

TEST(ComputeCapability, CodeOfTheSameMajorNumberRuns) {
  for (const int capability : {75, 80, 87, 89, 90, 103, 121})
    EXPECT_TRUE(runs_on(capability, kDefault)) << capability;
  for (const int capability : {60, 70, 72}) EXPECT_FALSE(runs_on(capability, kDefault)) << capability;
  EXPECT_FALSE(runs_on(80, std::array{75, 90}));
  EXPECT_FALSE(runs_on(80, std::array{86}));  // whose code has what 8.0 lacks
}

TEST(ComputeCapability, NewerDevicesTranslateTheLast) {
  EXPECT_TRUE(runs_on(130, kDefault));
  EXPECT_TRUE(runs_on(100, std::array{75, 90}));
  EXPECT_FALSE(runs_on(86, std::array{75, 90}));
}

TEST(ComputeCapability, OthersAreRefusedByName) {
  EXPECT_EQ(
      refusal("Tesla V100-SXM2-32GB", 7, 0, kDefault),
      "GPU 1, Tesla V100-SXM2-32GB, has compute capability 7.0; partialfc was compiled for 7.5, 8.0, 8.6, 8.9, "
      "9.0, 10.0, 12.0: build it with a CUDA 12 toolkit and -DPARTIALFC_CUDA_ARCHITECTURES=70");
  EXPECT_EQ(
      refusal("Tesla P100-PCIE-16GB", 6, 0, std::array{70, 80}),
      "GPU 1, Tesla P100-PCIE-16GB, has compute capability 6.0; partialfc was compiled for 7.0, 8.0: use a GPU of "
      "7.0 (V100) or later");
  EXPECT_EQ(
      refusal("NVIDIA A100-SXM4-80GB", 8, 0, std::array{75, 90}),
      "GPU 1, NVIDIA A100-SXM4-80GB, has compute capability 8.0; partialfc was compiled for 7.5, 9.0: build it with "
      "a CUDA toolkit that knows this GPU and -DPARTIALFC_CUDA_ARCHITECTURES=80");
}

}  // namespace
}  // namespace partialfc
