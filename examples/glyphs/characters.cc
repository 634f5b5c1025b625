#include "examples/glyphs/characters.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>

namespace partialfc {

namespace {

struct Block {
  char32_t first, last;
};

// Blocks of Unicode 15; unassigned code points in them have no glyph in any font.
constexpr Block kBlocks[] = {
    {0x3041, 0x3096},    // Hiragana
    {0x30A1, 0x30FA},    // Katakana
    {0x3105, 0x312F},    // Bopomofo
    {0x3400, 0x4DBF},    // Han, extension A
    {0x4E00, 0x9FFF},    // Han
    {0xAC00, 0xD7A3},    // Hangul syllables
    {0x20000, 0x2A6DF},  // Han, extension B
    {0x2A700, 0x2EBE0},  // Han, extensions C to F
    {0x30000, 0x323AF},  // Han, extensions G and H
};

}  // namespace

bool is_class_candidate(char32_t character) {
  return std::any_of(std::begin(kBlocks), std::end(kBlocks),
                     [&](const Block& block) { return block.first <= character && character <= block.last; });
}

std::string code_point_name(char32_t character) {
  return fmt::format("U+{:04X}", static_cast<uint32_t>(character));
}

std::string to_utf8(char32_t character) {
  const auto code = static_cast<uint32_t>(character);
  const auto tail = [&](int shift) { return static_cast<char>(0x80 | ((code >> shift) & 0x3F)); };
  if (code < 0x80) return {static_cast<char>(code)};
  if (code < 0x800) return {static_cast<char>(0xC0 | (code >> 6)), tail(0)};
  if (code < 0x10000) return {static_cast<char>(0xE0 | (code >> 12)), tail(6), tail(0)};
  return {static_cast<char>(0xF0 | (code >> 18)), tail(12), tail(6), tail(0)};
}

}  // namespace partialfc
