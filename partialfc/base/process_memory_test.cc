#include "partialfc/base/process_memory.h"

#include <gtest/gtest.h>

#include <vector>

namespace partialfc {
namespace {

TEST(ProcessMemory, WhatIsAllocatedIsOwnAndResidentAndLibrariesAreResidentAlone) {
  constexpr int64_t kBytes = 64 << 20;
  const int64_t own = own_memory(), resident = resident_memory();
  EXPECT_GT(own, 0);
  EXPECT_LT(own, resident);
  const std::vector<char> block(kBytes, 1);
  EXPECT_GT(own_memory(), own + kBytes / 10 * 9);
  EXPECT_GT(resident_memory(), resident + kBytes / 10 * 9);
  EXPECT_GE(peak_memory(), resident_memory());
  EXPECT_EQ(block.back(), 1);
}

}  // namespace
}  // namespace partialfc
