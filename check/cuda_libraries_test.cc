#include "check/cuda_libraries.h"

#include <gtest/gtest.h>

namespace partialfc {
namespace {

TEST(CudaLibraries, VersionsAsCudaAndCudnnCountThem) {
  EXPECT_EQ(cuda_version_text(12040), "12.4");
  EXPECT_EQ(cuda_version_text(11080), "11.8");
  EXPECT_EQ(cudnn_version_text(92600), "9.26.0");
  EXPECT_EQ(cudnn_version_text(8907), "8.9.7");
}

// Whether there is a GPU or not: what is found is consistent, and nothing throws.
TEST(CudaLibraries, DevicesNeedADriver) {
  const CudaLibraries found = find_cuda_libraries();
  if (found.driver.empty()) {
    EXPECT_TRUE(found.devices.empty());
    EXPECT_EQ(found.device_error, "");
  }
}

}  // namespace
}  // namespace partialfc
