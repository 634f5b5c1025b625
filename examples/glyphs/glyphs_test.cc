#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "examples/glyphs/characters.h"
#include "examples/glyphs/class_selection.h"
#include "examples/glyphs/design_families.h"
#include "examples/glyphs/face_survey.h"
#include "examples/glyphs/glyph_pairs.h"
#include "examples/glyphs/glyph_renderer.h"
#include "examples/glyphs/glyph_set.h"
#include "examples/glyphs/test_font.h"
#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/base/random.h"
#include "partialfc/base/test_support.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/image_record.h"
#include "partialfc/data/record_io.h"
#include "partialfc/data/verification_pack.h"

namespace partialfc {
namespace {

std::string as_text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

// A folder of its own for each test, gone at its end.
class Glyphs : public testing::Test {
 protected:
  void SetUp() override {
    const auto* test = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = std::filesystem::path(testing::TempDir()) / (std::string("glyphs_test_") + test->name());
    std::filesystem::remove_all(folder_);
    create_folders(folder_);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  FontFace write(const std::string& file, const TestFont& font) {
    write_test_font(folder_ / file, font);
    return {folder_ / file, 0, font.family, "Regular"};
  }

  std::filesystem::path folder_;
};

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

TEST_F(Glyphs, ABoxIsDrawnWhereItBelongs) {
  // 800 units are the typical extent and fill the 16 pixels that margins of 2 leave of 20.
  const FontFace face =
      write("box.ttf", {"Box", {}, {{0x4E00, {{100, 0, 900, 800}}}, {0x4E01, {{0, 0, 800, 200}}}}});
  GlyphRenderer renderer(face, 20, 2);
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
  GlyphRenderer renderer(write("empty.ttf", {"Empty", {}, {{0x4E00, {}}, {0x4E01, {{0, 0, 9, 9}}}}}), 40, 2);
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

// Forty characters in five design families, two of which are those held out. Each character is a
// pattern of bars; each family has its own thickness.
class GlyphSet : public Glyphs {
 protected:
  void SetUp() override {
    Glyphs::SetUp();
    const std::vector<std::string> families = {"Thin", "Middle", "Thick", "WenQuanYi Micro Hei", "SetoFont"};
    for (size_t f = 0; f < families.size(); ++f) {
      TestFont font{families[f], {{0, 0, 700, 700}}, {}};
      for (int c = 0; c < 40; ++c) font.characters[0x4E00 + c] = pattern(c, 20 + 15 * static_cast<int>(f));
      write_test_font(fonts() / (families[f] + ".ttf"), font);
    }
    options_.fonts = fonts();
    options_.output = folder_ / "set";
    options_.full = true;
    options_.size = 32;
    options_.min_families = 3;
    options_.unseen_characters = 0.25;
    options_.pairs = 40;
  }

  std::filesystem::path fonts() {
    create_folders(folder_ / "fonts");
    return folder_ / "fonts";
  }
  // Bit b of `code` puts bar b; the lowest and the highest bar are always there.
  static BoxGlyph pattern(int code, int thickness) {
    BoxGlyph glyph;
    for (int b = 0; b < 8; ++b) {
      if (b != 0 && b != 7 && !((code >> (b - 1)) & 1)) continue;
      const auto bottom = static_cast<int16_t>(100 * b);
      glyph.push_back({0, bottom, 800, static_cast<int16_t>(bottom + thickness)});
    }
    return glyph;
  }
  GlyphSetReport build() {
    return build_glyph_set(options_, [](std::string_view, int64_t, int64_t) {});
  }

  GlyphSetOptions options_;
};

TEST_F(GlyphSet, HoldsWhatItsListsSay) {
  const GlyphSetReport report = build();
  EXPECT_EQ(report.classes, 30);
  EXPECT_EQ(report.unseen_characters, 10);
  EXPECT_EQ(report.images, 90);
  EXPECT_EQ(report.fewest_images, 3);
  EXPECT_EQ(report.trained_families, (std::vector<std::string>{"Middle", "Thick", "Thin"}));
  EXPECT_EQ(report.unseen_families, (std::vector<std::string>{"Droid", "Seto"}));
  EXPECT_EQ(read_text_file(options_.output / "property"), "30,32,32\n");
  EXPECT_NE(read_text_file(options_.output / "fonts.txt").find("Thin.ttf\t0\tThin\t"), std::string::npos);

  // Each record is the image that its class and font make.
  std::map<int, std::vector<Image>> images;
  RecordReader reader(options_.output / "train.rec");
  std::vector<std::byte> payload;
  while (reader.next(payload)) {
    const ImageRecord record = parse_image_record(payload);
    images[static_cast<int>(record.labels.at(0))].push_back(decode_image(record.image, 1));
  }
  ASSERT_EQ(images.size(), 30u);
  std::vector<GlyphRenderer> renderers;
  for (const char* file : {"Middle.ttf", "Thick.ttf", "Thin.ttf"})
    renderers.emplace_back(FontFace{fonts() / file, 0, "", ""}, 32, 2);
  std::istringstream lines(read_text_file(options_.output / "classes.txt"));
  int label = 0;
  std::string name, text;
  for (int expected = 0; lines >> label >> name >> text; ++expected) {
    ASSERT_EQ(label, expected);
    const auto character = static_cast<char32_t>(std::stoul(name.substr(2), nullptr, 16));
    EXPECT_EQ(text, to_utf8(character));
    ASSERT_EQ(images[label].size(), 3u);
    for (size_t f = 0; f < renderers.size(); ++f) {
      Image drawn(32, 32, 1);
      ASSERT_TRUE(renderers[f].draw(character, drawn.pixels));
      EXPECT_EQ(images[label][f], drawn) << name;
    }
  }
  EXPECT_EQ(label, 29);
}

TEST_F(GlyphSet, PacksKeepTheirPromises) {
  build();
  std::set<std::string> trained;
  std::istringstream lines(read_text_file(options_.output / "classes.txt"));
  for (std::string label, name, text; lines >> label >> name >> text;) trained.insert(name);

  // What every image of the unseen fonts and of all fonts shows.
  std::map<std::string, std::string> unseen_fonts, all_fonts;  // by pixels
  for (const FontFace& face : fonts_in_folder(fonts())) {
    GlyphRenderer renderer(face, 32, 2);
    for (const char32_t character : renderer.characters()) {
      std::vector<uint8_t> pixels(32 * 32);
      ASSERT_TRUE(renderer.draw(character, pixels));
      all_fonts[as_text(pixels)] = code_point_name(character);
      if (face.family == "SetoFont" || face.family == "WenQuanYi Micro Hei")
        unseen_fonts[as_text(pixels)] = code_point_name(character);
    }
  }
  for (const bool by_font : {true, false}) {
    const auto pack =
        read_verification_pack(options_.output / (by_font ? "unseen_fonts.bin" : "unseen_characters.bin"));
    ASSERT_EQ(pack.same.size(), 40u);
    ASSERT_EQ(pack.images.size(), 80u);
    const auto& meaning = by_font ? unseen_fonts : all_fonts;
    for (size_t i = 0; i < 40; ++i) {
      std::string shown[2];
      for (int k = 0; k < 2; ++k) {
        const auto found = meaning.find(as_text(decode_image(pack.images[2 * i + k], 1).pixels));
        ASSERT_NE(found, meaning.end());
        shown[k] = found->second;
        EXPECT_EQ(trained.contains(shown[k]), by_font) << shown[k];
      }
      EXPECT_EQ(pack.same[i] != 0, i % 2 == 0);
      EXPECT_EQ(shown[0] == shown[1], pack.same[i] != 0);
    }
  }
}

TEST_F(GlyphSet, IsTheSameWhateverTheThreadsAndNotTheSeed) {
  build();
  std::map<std::string, std::string> first;
  for (const auto& entry : std::filesystem::directory_iterator(options_.output))
    first[entry.path().filename()] = read_text_file(entry.path());
  EXPECT_EQ(first.size(), 7u);

  options_.output = folder_ / "again";
  options_.threads = 3;
  build();
  for (const auto& [name, contents] : first)
    EXPECT_TRUE(read_text_file(options_.output / name) == contents) << name;

  options_.seed = 2;
  build();
  EXPECT_NE(read_text_file(options_.output / "classes.txt"), first["classes.txt"]);
  EXPECT_NE(read_text_file(options_.output / "unseen_fonts.bin"), first["unseen_fonts.bin"]);
}

TEST_F(GlyphSet, ErrorsSayWhatToDo) {
  options_.min_families = 4;
  std::string message = message_of([&] { build(); });
  EXPECT_NE(message.find("0 characters are drawn by 4"), std::string::npos) << message;
  EXPECT_NE(message.find("--min-families"), std::string::npos) << message;

  options_.min_families = 3;
  std::filesystem::remove(fonts() / "SetoFont.ttf");
  message = message_of([&] { build(); });
  EXPECT_NE(message.find("unseen_fonts.bin"), std::string::npos) << message;
  EXPECT_FALSE(std::filesystem::exists(options_.output / "property"));

  options_.full = false;
  message = message_of([&] { build(); });
  EXPECT_NE(message.find("SetoFont"), std::string::npos) << message;
  EXPECT_EQ(message.find("Micro Hei"), std::string::npos) << message;
  EXPECT_NE(message.find("fonts-small.txt"), std::string::npos) << message;
}

}  // namespace
}  // namespace partialfc
