#include "examples/glyphs/font_catalog.h"

#include "examples/glyphs/glyphs_fixture.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

TEST_F(Glyphs, FontsOfAFolderAreListedByFileName) {
  create_folders(folder_ / "a");
  write("z.ttf", {"Last", {}, {{0x4E00, {{0, 0, 9, 9}}}}});
  write("a/y.ttf", {"First", {}, {{0x4E00, {{0, 0, 9, 9}}}}});
  const auto faces = fonts_in_folder(folder_);
  ASSERT_EQ(faces.size(), 2u);
  EXPECT_EQ(faces[0].family, "First");
  EXPECT_EQ(faces[1].family, "Last");
  EXPECT_EQ(faces[1].path, std::filesystem::canonical(folder_ / "z.ttf"));
  EXPECT_NE(message_of([&] { fonts_in_folder(folder_ / "none"); }).find("no such folder"), std::string::npos);
}

TEST_F(Glyphs, ALinkToAFontIsThatFont) {
  write("real.ttf", {"Real", {}, {{0x4E00, {{0, 0, 9, 9}}}}});
  std::filesystem::create_symlink(folder_ / "real.ttf", folder_ / "alias.ttf");
  const auto faces = fonts_in_folder(folder_);
  ASSERT_EQ(faces.size(), 1u);
  EXPECT_EQ(faces[0].path.filename(), "real.ttf");
}

TEST(FontCatalog, InstalledFontsAreSortedFiles) {
  const auto faces = installed_fonts();
  for (size_t i = 0; i < faces.size(); ++i) {
    EXPECT_TRUE(std::filesystem::is_regular_file(faces[i].path)) << faces[i].path;
    EXPECT_FALSE(faces[i].family.empty()) << faces[i].path;
    if (i > 0) {
      EXPECT_LE(faces[i - 1].path.filename(), faces[i].path.filename());
    }
  }
}

}  // namespace
}  // namespace partialfc
