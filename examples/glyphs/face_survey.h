// What a font face really draws, character by character.
//
// A character map may promise more than the face keeps: characters it lacks are mapped to an empty
// glyph or to a box. Left out here are empty images, images equal to the face's drawing of a
// missing character, and images that more than four characters share.
#pragma once

#include <cstdint>
#include <vector>

#include "examples/glyphs/font_catalog.h"

namespace partialfc {

struct Drawing {
  char32_t character;
  uint64_t hash;  // of the image's pixels: equal images have equal hashes
};

// The characters the face draws, ascending; `size` and `margin` as for GlyphRenderer.
std::vector<Drawing> survey_face(const FontFace& face, int size, int margin);

}  // namespace partialfc
