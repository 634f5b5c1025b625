// A program without CUDA: there is no device, and asking for one says why.
#include "partialfc/base/test_support.h"
#include "partialfc/device/buffer.h"

namespace partialfc {
namespace {

TEST(RuntimeNoneTest, SaysThatItWasBuiltWithoutCuda) {
  EXPECT_EQ(runtime::device_count(), 0);
  const std::string why = "no GPU can be used: partialfc was built without CUDA";
  EXPECT_EQ(message_of([] { runtime::use_device(0); }), why);
  EXPECT_EQ(message_of([] { Stream(); }), why);
  EXPECT_EQ(message_of([] { Event(); }), why);
  EXPECT_EQ(message_of([] { DeviceBuffer<float>(1); }), why);
  EXPECT_EQ(message_of([] { PinnedBuffer<float>(1); }), why);
  EXPECT_THROW(runtime::properties(0), UsageError);
  EXPECT_EQ(DeviceBuffer<float>(0).size(), 0);
}

}  // namespace
}  // namespace partialfc
