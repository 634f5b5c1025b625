#include "examples/glyphs/glyph_pairs.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

namespace partialfc {
namespace {

TEST(GlyphPairs, AlternateAndNeverShareADesign) {
  const std::vector<std::string> designs = {"A", "A", "B", "C"};
  // The class of 9 is in one design only and cannot take part.
  const std::vector<GlyphClass> classes = {{5, {0, 1, 2}}, {6, {2, 3}}, {7, {0, 3}}, {9, {0, 1}}};
  const auto pairs = choose_pairs(classes, designs, 1000, 3);
  ASSERT_EQ(pairs.size(), 1000u);
  std::map<char32_t, std::set<int>> faces_of = {{5, {0, 1, 2}}, {6, {2, 3}}, {7, {0, 3}}};
  std::set<std::pair<char32_t, int>> seen;
  for (size_t i = 0; i < pairs.size(); ++i) {
    EXPECT_EQ(pairs[i].same, i % 2 == 0);
    EXPECT_EQ(pairs[i].first.character == pairs[i].second.character, pairs[i].same);
    EXPECT_NE(designs[pairs[i].first.face], designs[pairs[i].second.face]);
    for (const GlyphImage& image : {pairs[i].first, pairs[i].second}) {
      ASSERT_TRUE(faces_of[image.character].contains(image.face));
      seen.insert({image.character, image.face});
    }
  }
  EXPECT_EQ(seen.size(), 7u);  // every image takes part
  EXPECT_TRUE(choose_pairs({{5, {0, 2}}}, designs, 10, 3).empty());
  EXPECT_TRUE(choose_pairs(classes, designs, 0, 3).empty());
}

}  // namespace
}  // namespace partialfc
