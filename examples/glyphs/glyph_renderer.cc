#include "examples/glyphs/glyph_renderer.h"

#include <ft2build.h>
#include FT_FREETYPE_H
#include FT_BBOX_H
#include FT_OUTLINE_H

#include <algorithm>

#include "examples/glyphs/characters.h"
#include "partialfc/base/error.h"

namespace partialfc {

// A font face, with a library object of its own because FreeType's may be used by one thread at a
// time.
struct GlyphRenderer::FreeType {
  FT_Library library = nullptr;
  FT_Face face = nullptr;

  FreeType(const std::filesystem::path& path, int index) {
    FT_Error error = FT_Init_FreeType(&library);
    if (!error) error = FT_New_Face(library, path.c_str(), index, &face);
    if (error) {
      FT_Done_FreeType(library);
      fail("{}, face {}: FreeType cannot open this font (error {}); reinstall its package", path.string(),
           index, error);
    }
  }
  ~FreeType() {
    FT_Done_Face(face);
    FT_Done_FreeType(library);
  }
  FreeType(const FreeType&) = delete;
  FreeType& operator=(const FreeType&) = delete;

  // The candidates for classes that the face maps to a glyph, ascending.
  std::vector<char32_t> characters() {
    std::vector<char32_t> found;
    FT_UInt glyph = 0;
    for (FT_ULong code = FT_Get_First_Char(face, &glyph); glyph != 0;
         code = FT_Get_Next_Char(face, code, &glyph)) {
      if (is_class_candidate(static_cast<char32_t>(code))) found.push_back(static_cast<char32_t>(code));
    }
    return found;
  }

  // The glyph's outline in font units, or null where it has none (an empty or a damaged glyph).
  FT_Outline* load(uint32_t glyph) {
    if (FT_Load_Glyph(face, glyph, FT_LOAD_NO_SCALE) != 0) return nullptr;
    if (face->glyph->format != FT_GLYPH_FORMAT_OUTLINE) return nullptr;
    FT_Outline* outline = &face->glyph->outline;
    return outline->n_points > 0 ? outline : nullptr;
  }

  uint32_t glyph_of(char32_t character) { return FT_Get_Char_Index(face, character); }
  long typical_extent();
};

namespace {

FT_BBox box_of(FT_Outline* outline) {
  FT_BBox box{};
  FT_Outline_Get_BBox(outline, &box);
  return box;
}

long extent(const FT_BBox& box) { return std::max(box.xMax - box.xMin, box.yMax - box.yMin); }

}  // namespace

// The 95th percentile of the larger side of the bounding box, over an even sample of the
// characters.
long GlyphRenderer::FreeType::typical_extent() {
  constexpr size_t kSample = 200;
  const auto all = characters();
  std::vector<long> extents;
  for (size_t i = 0; i < all.size(); i += std::max<size_t>(1, all.size() / kSample)) {
    if (FT_Outline* outline = load(glyph_of(all[i]))) extents.push_back(extent(box_of(outline)));
  }
  std::sort(extents.begin(), extents.end());
  return extents.empty() ? 1 : std::max(1L, extents[(extents.size() - 1) * 95 / 100]);
}

GlyphRenderer::GlyphRenderer(const FontFace& face, int size, int margin)
    : freetype_(std::make_unique<FreeType>(face.path, face.index)),
      path_(face.path),
      size_(size),
      margin_(margin),
      typical_extent_(FreeType(face.path, 0).typical_extent()),
      characters_(freetype_->characters()) {
  PFC_CHECK(margin >= 0 && size > 2 * margin, "size {}, margin {}", size, margin);
}

GlyphRenderer::~GlyphRenderer() = default;
GlyphRenderer::GlyphRenderer(GlyphRenderer&&) noexcept = default;

bool GlyphRenderer::draw(char32_t character, std::span<uint8_t> pixels) {
  const uint32_t glyph = freetype_->glyph_of(character);
  return glyph != 0 && draw_glyph(glyph, pixels);
}

bool GlyphRenderer::draw_missing(std::span<uint8_t> pixels) { return draw_glyph(0, pixels); }

bool GlyphRenderer::draw_glyph(uint32_t glyph, std::span<uint8_t> pixels) {
  PFC_CHECK(pixels.size() == static_cast<size_t>(size_) * size_);
  FT_Outline* outline = freetype_->load(glyph);
  if (!outline) return false;

  // Font units to 1/64 pixel, as a 16.16 factor.
  const long room = 64L * (size_ - 2 * margin_);
  const FT_Fixed scale = FT_DivFix(room, std::max(typical_extent_, extent(box_of(outline))));
  const FT_Matrix matrix{scale, 0, 0, scale};
  FT_Outline_Transform(outline, &matrix);
  const FT_BBox box = box_of(outline);
  FT_Outline_Translate(outline, 32 * size_ - (box.xMin + box.xMax) / 2,
                       32 * size_ - (box.yMin + box.yMax) / 2);

  std::fill(pixels.begin(), pixels.end(), uint8_t{0});
  FT_Bitmap bitmap{};
  bitmap.rows = bitmap.width = static_cast<unsigned>(size_);
  bitmap.pitch = size_;
  bitmap.buffer = pixels.data();
  bitmap.num_grays = 256;
  bitmap.pixel_mode = FT_PIXEL_MODE_GRAY;
  if (const FT_Error error = FT_Outline_Get_Bitmap(freetype_->library, outline, &bitmap))
    fail("{}: FreeType cannot draw glyph {} (error {})", path_.string(), glyph, error);
  return std::any_of(pixels.begin(), pixels.end(), [](uint8_t value) { return value > 0; });
}

}  // namespace partialfc
