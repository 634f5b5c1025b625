#include "examples/glyphs/face_survey.h"

#include <xxhash.h>

#include <unordered_map>

#include "examples/glyphs/glyph_renderer.h"

namespace partialfc {

namespace {

// Real twins (one drawing for several code points) come in twos, rarely in threes or fours.
constexpr int kMostCharactersOfADrawing = 4;

}  // namespace

std::vector<Drawing> survey_face(const FontFace& face, int size, int margin) {
  GlyphRenderer renderer(face, size, margin);
  std::vector<uint8_t> pixels(static_cast<size_t>(size) * size);
  const auto hash = [&] { return XXH3_64bits(pixels.data(), pixels.size()); };

  std::vector<Drawing> drawings;
  std::unordered_map<uint64_t, int> characters_of;  // by hash
  for (const char32_t character : renderer.characters()) {
    if (!renderer.draw(character, pixels)) continue;
    drawings.push_back({character, hash()});
    ++characters_of[drawings.back().hash];
  }
  if (renderer.draw_missing(pixels)) characters_of[hash()] = kMostCharactersOfADrawing + 1;

  std::erase_if(drawings, [&](const Drawing& drawing) {
    return characters_of[drawing.hash] > kMostCharactersOfADrawing;
  });
  return drawings;
}

}  // namespace partialfc
