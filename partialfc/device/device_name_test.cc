#include "partialfc/device/device_name.h"

#include <gtest/gtest.h>

#include "partialfc/base/error.h"

namespace partialfc {
namespace {

TEST(DeviceName, ReadsWhatItWrites) {
  EXPECT_EQ(parse_device_name("cpu"), DeviceName{});
  EXPECT_EQ(to_string(parse_device_name("cpu")), "cpu");
  EXPECT_EQ(to_string(parse_device_name("cuda")), "cuda:0");
  EXPECT_EQ(to_string(parse_device_name("cuda:12")), "cuda:12");
}

TEST(DeviceName, RefusesOthers) {
  for (const char* text :
       {"", "gpu", "CUDA", "cuda:", "cuda:-1", "cuda:1x", "cuda: 1", "cuda:99999999999", "cpu:0"})
    EXPECT_THROW(parse_device_name(text), UsageError) << text;
}

}  // namespace
}  // namespace partialfc
