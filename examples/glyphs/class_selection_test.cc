#include "examples/glyphs/class_selection.h"

#include <gtest/gtest.h>

namespace partialfc {
namespace {

// Faces of two design families that are trained on and one that is not.
struct Faces {
  std::vector<std::vector<Drawing>> drawings;
  std::vector<std::string> designs = {"A", "B", "C"};
  std::vector<bool> trained = {true, true, false};
  ClassSelection select(int min_families) const {
    return select_classes(drawings, designs, trained, min_families);
  }
};

TEST(ClassSelection, FamiliesThatAreTrainedOnCount) {
  Faces faces{{{{1, 11}, {2, 12}, {3, 13}}, {{1, 21}, {2, 22}}, {{1, 31}, {3, 33}}}};
  const ClassSelection selection = faces.select(2);
  ASSERT_EQ(selection.classes.size(), 2u);
  EXPECT_EQ(selection.classes[0].character, 1u);
  EXPECT_EQ(selection.classes[0].faces, (std::vector<int>{0, 1, 2}));
  EXPECT_EQ(selection.classes[1].faces, (std::vector<int>{0, 1}));
  EXPECT_EQ(selection.rare, 1);
  EXPECT_EQ(faces.select(1).classes.size(), 3u);
  faces.designs[1] = "A";  // two faces, one design
  EXPECT_EQ(faces.select(2).classes.size(), 0u);
}

TEST(ClassSelection, CharactersDrawnAlikeInHalfOfTheFacesAreTwins) {
  // 2 is drawn like 1 in one of two faces with both; 1 is in more faces.
  Faces faces{{{{1, 11}, {2, 11}}, {{1, 21}, {2, 22}}, {{1, 31}}}};
  ClassSelection selection = faces.select(1);
  ASSERT_EQ(selection.classes.size(), 1u);
  EXPECT_EQ(selection.classes[0].character, 1u);
  EXPECT_EQ(selection.twins, 1);
  // The character that more faces have stays, though its code point is the higher one.
  faces.drawings = {{{1, 11}, {2, 11}}, {{2, 21}}, {}};
  selection = faces.select(1);
  ASSERT_EQ(selection.classes.size(), 1u);
  EXPECT_EQ(selection.classes[0].character, 2u);
  EXPECT_EQ(selection.classes[0].faces, (std::vector<int>{0, 1}));
}

TEST(ClassSelection, AmbiguousImagesAreDroppedFromBothClasses) {
  // Alike in one face of three: no twins, but image 11 means nothing. So does 50, across faces.
  Faces faces{{{{1, 11}, {2, 11}, {3, 50}}, {{1, 21}, {2, 22}, {4, 50}}, {{1, 31}, {2, 32}}}};
  const ClassSelection selection = faces.select(1);
  ASSERT_EQ(selection.classes.size(), 2u);
  EXPECT_EQ(selection.classes[0].faces, (std::vector<int>{1, 2}));
  EXPECT_EQ(selection.classes[1].faces, (std::vector<int>{1, 2}));
  EXPECT_EQ(selection.twins, 0);
  EXPECT_EQ(selection.ambiguous, 4);
}

TEST(ClassSelection, RepeatedImagesOfAClassCountOnce) {
  const Faces faces{{{{1, 11}}, {{1, 11}}, {{1, 31}}}};
  const ClassSelection selection = faces.select(1);
  ASSERT_EQ(selection.classes.size(), 1u);
  EXPECT_EQ(selection.classes[0].faces, (std::vector<int>{0, 2}));
  EXPECT_EQ(selection.repeated, 1);
}

}  // namespace
}  // namespace partialfc
