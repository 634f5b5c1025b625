// Draws the characters of one font face as square gray images: white (255) on black (0), unhinted,
// anti-aliased.
//
// Size: one scale for all faces of a file, so that small characters stay small: the largest 5 % of
// its characters fill the image but for the margin, and what is larger still is shrunk to fit. (The
// em is no measure: handwriting fonts fill half of it, ideographs nearly all.) Position: the
// drawing's bounding box is centred, to 1/64 of a pixel. So faces that differ in spacing alone give
// equal images.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "examples/glyphs/font_catalog.h"

namespace partialfc {

class GlyphRenderer {
 public:
  // Images of size × size pixels, `margin` pixels left free on each side. Error, naming the file,
  // if FreeType cannot open the face. One thread at a time may use a renderer.
  GlyphRenderer(const FontFace& face, int size, int margin);
  ~GlyphRenderer();
  GlyphRenderer(GlyphRenderer&&) noexcept;

  // The candidates for classes that the face maps to a glyph, ascending.
  const std::vector<char32_t>& characters() const { return characters_; }

  // Draws into `pixels` (size, size), row-major. Returns false, with unspecified pixels, where the
  // face has no glyph or an empty one.
  bool draw(char32_t character, std::span<uint8_t> pixels);

  // Draws what the face shows for a character it lacks; false if that is empty.
  bool draw_missing(std::span<uint8_t> pixels);

 private:
  struct FreeType;

  bool draw_glyph(uint32_t glyph, std::span<uint8_t> pixels);

  std::unique_ptr<FreeType> freetype_;
  std::filesystem::path path_;
  int size_, margin_;
  long typical_extent_;  // in font units: what fills the image but for the margin
  std::vector<char32_t> characters_;
};

}  // namespace partialfc
