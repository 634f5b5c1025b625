#include "examples/glyphs/characters.h"

#include <gtest/gtest.h>

namespace partialfc {
namespace {

TEST(Characters, CandidatesAreKanaHangulAndHan) {
  for (const char32_t character :
       {0x3041, 0x30FA, 0x3105, 0x3400, 0x4E00, 0x9FFF, 0xAC00, 0xD7A3, 0x20000, 0x323AF})
    EXPECT_TRUE(is_class_candidate(character)) << code_point_name(character);
  // Latin, a radical, a half-width letter, a compatibility ideograph and the neighbours of blocks.
  for (const char32_t character : {0x41, 0x2F00, 0xFF71, 0xF900, 0x3040, 0xD7A4, 0x2A6E0, 0x323B0})
    EXPECT_FALSE(is_class_candidate(character)) << code_point_name(character);
  EXPECT_EQ(code_point_name(0x4E00), "U+4E00");
  EXPECT_EQ(code_point_name(0x20000), "U+20000");
  EXPECT_EQ(to_utf8(0x41), "A");
  EXPECT_EQ(to_utf8(0xE9), "\u00e9");
  EXPECT_EQ(to_utf8(0x4E00), "\u4e00");
  EXPECT_EQ(to_utf8(0x20000), "\U00020000");
}

}  // namespace
}  // namespace partialfc
