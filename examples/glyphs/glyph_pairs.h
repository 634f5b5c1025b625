// Verification pairs: do two images show the same character?
//
// The two images of a pair always come from different design families, so that no pair is easy
// because its images share a style. Pairs alternate, same and different, so that every one of the
// protocol's ten consecutive folds holds as many of either kind.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "examples/glyphs/class_selection.h"

namespace partialfc {

struct GlyphImage {
  char32_t character;
  int face;
};

struct GlyphPair {
  GlyphImage first, second;
  bool same;
};

// `count` pairs among `classes`, at random: the characters of a pair, then its design families,
// then a face of each. designs[f] is face f's design family. A pure function of its arguments. Only
// classes that two design families or more show take part; empty if there are fewer than two such
// classes.
std::vector<GlyphPair> choose_pairs(const std::vector<GlyphClass>& classes,
                                    const std::vector<std::string>& designs, int64_t count, uint64_t seed);

}  // namespace partialfc
