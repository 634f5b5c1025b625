// The fonts at hand: those that fontconfig knows of, or those in a folder.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace partialfc {

struct FontFace {
  std::filesystem::path path;
  int index = 0;       // of the face in its file, as FreeType counts (collections hold several)
  std::string family;  // the English name where the font has one: "Noto Sans CJK JP"
  std::string style;   // "Bold"
};

// All faces with outlines, sorted by file name and index, so that the order is the same on every
// machine.
std::vector<FontFace> installed_fonts();

// The same for the fonts in `folder` and the folders in it. Error if there is no such folder.
std::vector<FontFace> fonts_in_folder(const std::filesystem::path& folder);

}  // namespace partialfc
