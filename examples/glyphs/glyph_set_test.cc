#include "examples/glyphs/glyph_set.h"

#include <map>
#include <set>
#include <sstream>

#include "examples/glyphs/characters.h"
#include "examples/glyphs/glyph_renderer.h"
#include "examples/glyphs/glyphs_fixture.h"
#include "partialfc/base/test_support.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/image_record.h"
#include "partialfc/data/record_io.h"
#include "partialfc/data/verification_pack.h"

namespace partialfc {
namespace {

std::string as_text(const std::vector<uint8_t>& bytes) { return {bytes.begin(), bytes.end()}; }

// Forty characters in five design families, two of which are those held out. Each character is a pattern of bars; each
// family has its own thickness.
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
