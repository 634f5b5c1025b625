#include "examples/glyphs/face_survey.h"

#include "examples/glyphs/glyphs_fixture.h"

namespace partialfc {
namespace {

TEST_F(Glyphs, SurveyDropsPlaceholders) {
  const Box box{0, 0, 800, 800};
  TestFont font{"Placeholders", {box}, {}};
  font.characters[0x4E00] = {box};                                               // drawn like a missing one
  font.characters[0x4E01] = {};                                                  // empty
  for (int i = 0; i < 5; ++i) font.characters[0x4E10 + i] = {{0, 0, 800, 100}};  // shared by five
  for (int i = 0; i < 4; ++i) font.characters[0x4E20 + i] = {{0, 0, 800, 200}};  // and by four
  font.characters[0x4E30] = {{0, 0, 800, 300}};
  std::vector<char32_t> kept;
  for (const Drawing& d : survey_face(write("placeholders.ttf", font), 40, 2)) kept.push_back(d.character);
  EXPECT_EQ(kept, (std::vector<char32_t>{0x4E20, 0x4E21, 0x4E22, 0x4E23, 0x4E30}));
}

}  // namespace
}  // namespace partialfc
