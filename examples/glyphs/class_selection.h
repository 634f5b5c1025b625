// Which characters are classes, and which faces show each of them.
//
//   twins       characters that at least half of the faces with both draw alike are one class: that
//   of the character
//               which most faces have (of equals, the lowest code point); the others are dropped
//   ambiguous   an image that still stands for two classes, in whatever faces, is dropped from both
//   repeated    of equal images of one class (regional editions, derivatives) the first face's
//   stays rare        a class that fewer than `min_families` of the design families to be trained
//   on
//               show is dropped
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examples/glyphs/face_survey.h"

namespace partialfc {

struct GlyphClass {
  char32_t character;
  std::vector<int> faces;  // that show it, ascending; no two of them alike
};

struct ClassSelection {
  std::vector<GlyphClass> classes;  // by character, ascending
  int64_t twins = 0;                // characters dropped
  int64_t ambiguous = 0;            // images dropped
  int64_t repeated = 0;             // images dropped
  int64_t rare = 0;                 // characters dropped
};

// surveys[f] are the drawings of face f, designs[f] is its design family; trained[f] tells
// whether it may be trained on.
ClassSelection select_classes(const std::vector<std::vector<Drawing>>& surveys,
                              const std::vector<std::string>& designs, const std::vector<bool>& trained,
                              int min_families);

}  // namespace partialfc
