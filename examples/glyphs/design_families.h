// Which fonts show one and the same design.
//
// "Unseen fonts" are worth their name only if nothing trained on shows the same shapes. So all weights,
// regional editions and derivatives of a design count as one design family. The table was made from
// what the fonts say of their origin and from their pixels: faces whose images of the same Han
// characters correlate by 0.93 or more in the median are kin (unrelated faces of one style reach
// 0.92); for Hangul, whose shapes are simpler, by 0.97.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace partialfc {

struct DesignFamily {
  std::string name;    // a font that is not in the table is a design family of its own name
  bool small = false;  // this font is part of the small set
  bool unfit = false;  // never used: its images are copies of another font's, or show the wrong characters
};

// The design family of a font, by its family name ("Noto Sans CJK JP").
DesignFamily design_family(std::string_view font_family);

// The font families that the small set is made of, in alphabetical order: beginnings of names.
std::vector<std::string> small_set_fonts();

// The design families that are never trained on, so that pairs of their images test unseen fonts.
// Both draw Han, kana and Hangul, were drawn from scratch and are kin to no other font: one a
// low-contrast screen design, one handwriting.
const std::vector<std::string>& held_out_families();

}  // namespace partialfc
