// Writes small TrueType fonts whose glyphs are boxes, so that tests know what every character looks
// like and need no installed font.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace partialfc {

struct Box {
  int16_t left, bottom, right, top;  // in font units, 1000 to the em
};

using BoxGlyph = std::vector<Box>;  // boxes do not overlap; none: an empty glyph

struct TestFont {
  std::string family;
  BoxGlyph missing;                         // glyph 0
  std::map<char32_t, BoxGlyph> characters;  // a glyph each
};

void write_test_font(const std::filesystem::path& path, const TestFont& font);

}  // namespace partialfc
