#include "check/cuda_libraries.h"

#include <gtest/gtest.h>

namespace partialfc {
namespace {

TEST(CudaLibraries, VersionsAsCudaAndNcclCountThem) {
  EXPECT_EQ(cuda_version_text(12040), "12.4");
  EXPECT_EQ(cuda_version_text(11080), "11.8");
  EXPECT_EQ(nccl_version_text(22304), "2.23.4");
  EXPECT_EQ(nccl_version_text(2708), "2.7.8");  // before 2.9
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
