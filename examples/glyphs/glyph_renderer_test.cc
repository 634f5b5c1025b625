#include "examples/glyphs/glyph_renderer.h"

#include "examples/glyphs/glyphs_fixture.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

TEST_F(Glyphs, ABoxIsDrawnWhereItBelongs) {
  // 800 units are the typical extent and fill the 16 pixels that margins of 2 leave of 20.
  TestFont font{"Box", {}, {}};
  font.characters[0x4E00] = {{100, 0, 900, 800}};
  font.characters[0x4E01] = {{0, 0, 800, 200}};
  GlyphRenderer renderer(write("box.ttf", font), 20, 2);
  EXPECT_EQ(renderer.characters(), (std::vector<char32_t>{0x4E00, 0x4E01}));
  std::vector<uint8_t> pixels(20 * 20);
  ASSERT_TRUE(renderer.draw(0x4E00, pixels));
  for (int y = 0; y < 20; ++y) {
    for (int x = 0; x < 20; ++x) {
      const bool inside = x >= 2 && x < 18 && y >= 2 && y < 18;
      ASSERT_EQ(pixels[y * 20 + x], inside ? 255 : 0) << y << " " << x;
    }
  }
  // A bar keeps its natural size, 16 × 4, and is centred.
  ASSERT_TRUE(renderer.draw(0x4E01, pixels));
  for (int y = 0; y < 20; ++y) {
    for (int x = 0; x < 20; ++x) {
      const bool inside = x >= 2 && x < 18 && y >= 8 && y < 12;
      ASSERT_EQ(pixels[y * 20 + x], inside ? 255 : 0) << y << " " << x;
    }
  }
}

TEST_F(Glyphs, WhatIsLargerThanTypicalIsShrunkToFit) {
  TestFont font{"Large", {}, {}};
  for (char32_t c = 0x4E00; c < 0x4E00 + 40; ++c) font.characters[c] = {{0, 0, 400, 400}};
  font.characters[0x5000] = {{0, 0, 1000, 1000}};
  GlyphRenderer renderer(write("large.ttf", font), 20, 2);
  std::vector<uint8_t> usual(400), large(400);
  ASSERT_TRUE(renderer.draw(0x4E00, usual));
  ASSERT_TRUE(renderer.draw(0x5000, large));
  EXPECT_EQ(usual, large);
}

TEST_F(Glyphs, NothingIsDrawnForAbsentAndEmptyGlyphs) {
  TestFont font{"Empty", {}, {}};
  font.characters[0x4E00] = {};
  font.characters[0x4E01] = {{0, 0, 9, 9}};
  GlyphRenderer renderer(write("empty.ttf", font), 40, 2);
  std::vector<uint8_t> pixels(1600);
  EXPECT_FALSE(renderer.draw(0x4E00, pixels));
  EXPECT_FALSE(renderer.draw(0x4E02, pixels));
  EXPECT_FALSE(renderer.draw_missing(pixels));
  EXPECT_TRUE(renderer.draw(0x4E01, pixels));
}

TEST_F(Glyphs, AFileThatIsNoFontIsAnError) {
  write_file_atomically(folder_ / "broken.ttf", "not a font");
  const std::string message = message_of([&] { GlyphRenderer({folder_ / "broken.ttf", 0, "", ""}, 40, 2); });
  EXPECT_NE(message.find("broken.ttf"), std::string::npos) << message;
  EXPECT_NE(message.find("cannot open"), std::string::npos) << message;
}

}  // namespace
}  // namespace partialfc
