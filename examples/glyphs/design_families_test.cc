#include "examples/glyphs/design_families.h"

#include <gtest/gtest.h>

#include <set>

namespace partialfc {
namespace {

TEST(DesignFamilies, WeightsRegionsAndDerivativesAreOne) {
  EXPECT_EQ(design_family("Noto Sans CJK JP").name, design_family("Noto Sans CJK TC").name);
  EXPECT_NE(design_family("Noto Sans CJK JP").name, design_family("Noto Serif CJK JP").name);
  EXPECT_EQ(design_family("WenQuanYi Micro Hei").name, design_family("Droid Sans Fallback").name);
  EXPECT_EQ(design_family("AR PL UMing CN").name, design_family("BabelStone Han").name);
  EXPECT_EQ(design_family("AR PL UKai CN").name, design_family("cwTeXKai").name);
  EXPECT_EQ(design_family("TakaoPMincho").name, design_family("IPAmjMincho").name);
  EXPECT_EQ(design_family("TakaoPGothic").name, design_family("IPAexGothic").name);
  EXPECT_NE(design_family("TakaoPGothic").name, design_family("TakaoPMincho").name);
  EXPECT_EQ(design_family("MigMix 1P").name, design_family("M PLUS 2").name);
  EXPECT_EQ(design_family("D2Coding").name, design_family("NanumBarunGothic").name);
}

TEST(DesignFamilies, TheLongestPrefixCounts) {
  EXPECT_FALSE(design_family("WenQuanYi Zen Hei").unfit);
  EXPECT_TRUE(design_family("WenQuanYi Zen Hei Sharp").unfit);
  EXPECT_EQ(design_family("Ume P Mincho S3").name, "Ume Mincho");
  EXPECT_EQ(design_family("Ume P Gothic").name, "Ume Gothic");
}

TEST(DesignFamilies, UnknownFontsAreFamiliesOfTheirOwn) {
  const DesignFamily family = design_family("Somebody's Hand");
  EXPECT_EQ(family.name, "Somebody's Hand");
  EXPECT_FALSE(family.small);
  EXPECT_FALSE(family.unfit);
}

TEST(DesignFamilies, HeldOutFamiliesAreInTheSmallSet) {
  std::set<std::string> small;
  for (const std::string& font : small_set_fonts()) {
    EXPECT_TRUE(design_family(font).small) << font;
    small.insert(design_family(font).name);
  }
  ASSERT_EQ(held_out_families().size(), 2u);
  for (const std::string& family : held_out_families()) EXPECT_TRUE(small.contains(family));
  EXPECT_GE(small.size(), held_out_families().size() + 9);  // nine families: the default
}

}  // namespace
}  // namespace partialfc
