#include "examples/glyphs/font_catalog.h"

#include <fontconfig/fontconfig.h>

#include <algorithm>
#include <memory>
#include <tuple>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

using Config = std::unique_ptr<FcConfig, decltype(&FcConfigDestroy)>;

std::string string_value(FcPattern* pattern, const char* key, int n) {
  FcChar8* value = nullptr;
  if (FcPatternGetString(pattern, key, n, &value) != FcResultMatch) return {};
  return reinterpret_cast<const char*>(value);
}

// Names come in several languages, in the order the font has them.
std::string english_value(FcPattern* pattern, const char* key, const char* language_key) {
  for (int n = 0;; ++n) {
    const std::string language = string_value(pattern, language_key, n);
    if (language.empty()) return string_value(pattern, key, 0);
    if (language == "en") return string_value(pattern, key, n);
  }
}

FontFace face_of(FcPattern* pattern) {
  FontFace face;
  // Links (Debian's alternatives) are followed: the same font has the same name everywhere.
  face.path = std::filesystem::weakly_canonical(string_value(pattern, FC_FILE, 0));
  FcPatternGetInteger(pattern, FC_INDEX, 0, &face.index);
  face.family = english_value(pattern, FC_FAMILY, FC_FAMILYLANG);
  face.style = english_value(pattern, FC_STYLE, FC_STYLELANG);
  return face;
}

// Variable fonts appear once more as named instances, which are listed, so the variable entry
// itself is not.
std::vector<FontFace> list_fonts(FcConfig* config) {
  const std::unique_ptr<FcPattern, decltype(&FcPatternDestroy)> wanted(
      FcPatternBuild(nullptr, FC_OUTLINE, FcTypeBool, FcTrue, FC_VARIABLE, FcTypeBool, FcFalse, nullptr),
      FcPatternDestroy);
  const std::unique_ptr<FcObjectSet, decltype(&FcObjectSetDestroy)> keys(
      FcObjectSetBuild(FC_FILE, FC_INDEX, FC_FAMILY, FC_FAMILYLANG, FC_STYLE, FC_STYLELANG, nullptr),
      FcObjectSetDestroy);
  const std::unique_ptr<FcFontSet, decltype(&FcFontSetDestroy)> found(
      FcFontList(config, wanted.get(), keys.get()), FcFontSetDestroy);
  if (!found) fail("fontconfig: cannot list the fonts; is it installed (apt-get install fontconfig)?");

  std::vector<FontFace> faces;
  for (int i = 0; i < found->nfont; ++i) faces.push_back(face_of(found->fonts[i]));
  std::sort(faces.begin(), faces.end(), [](const FontFace& a, const FontFace& b) {
    return std::forward_as_tuple(a.path.filename(), a.index, a.path) <
           std::forward_as_tuple(b.path.filename(), b.index, b.path);
  });
  const auto same = [](const FontFace& a, const FontFace& b) {
    return a.path == b.path && a.index == b.index;
  };
  faces.erase(std::unique(faces.begin(), faces.end(), same), faces.end());
  return faces;
}

}  // namespace

std::vector<FontFace> installed_fonts() {
  const Config config(FcInitLoadConfigAndFonts(), FcConfigDestroy);
  if (!config) fail("fontconfig: cannot read its configuration; is fontconfig installed?");
  return list_fonts(config.get());
}

std::vector<FontFace> fonts_in_folder(const std::filesystem::path& folder) {
  if (!std::filesystem::is_directory(folder)) fail("{}: no such folder of fonts", folder.string());
  // The system's configuration, for its cache, but not the system's fonts.
  const Config config(FcInitLoadConfig(), FcConfigDestroy);
  if (!config || !FcConfigAppFontAddDir(config.get(), reinterpret_cast<const FcChar8*>(folder.c_str())))
    fail("{}: fontconfig cannot read the fonts of this folder", folder.string());
  return list_fonts(config.get());
}

}  // namespace partialfc
