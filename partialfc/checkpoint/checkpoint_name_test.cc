#include <gtest/gtest.h>

#include "partialfc/checkpoint/checkpoint_folder.h"

namespace partialfc {
namespace {

TEST(CheckpointNames, AreParsedAsTheyAreMade) {
  for (const int64_t step : {0, 7, 12'000, 123'456'789}) {
    const auto whole = parse_checkpoint_name(checkpoint_name(step));
    ASSERT_TRUE(whole.has_value());
    EXPECT_EQ(whole->step, step);
    EXPECT_FALSE(whole->aside);
    for (const char* ending : {".part", ".old"}) {
      const auto aside = parse_checkpoint_name("." + checkpoint_name(step) + ending);
      ASSERT_TRUE(aside.has_value()) << ending;
      EXPECT_EQ(aside->step, step);
      EXPECT_TRUE(aside->aside);
    }
  }
  for (const char* name :
       {"", ".", "step-", "step-9", "step--0000009", "step-00000009x", "step-00000009.part", ".step-00000009",
        ".step-9.part", ".stepmother.part", ".part", "best"})
    EXPECT_FALSE(parse_checkpoint_name(name).has_value()) << name;
}

}  // namespace
}  // namespace partialfc
