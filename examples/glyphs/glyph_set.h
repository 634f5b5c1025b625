// Builds the glyph data set: characters drawn by the fonts at hand, as a training set and two
// verification packs.
//
//   train.rec, train.idx    gray PNG images, by class; label = class
//   property                "classes,height,width"; written last: a folder without it is not complete
//   classes.txt             label \t code point \t character
//   fonts.txt               file \t face \t family \t style \t design family \t train or unseen \t
//   training images unseen_fonts.bin        trained characters, both images of a pair in design
//   families never trained on unseen_characters.bin   characters never trained on, in all fonts,
//   trained on or not
//
// The same fonts and options give the same bytes, whatever the number of threads.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace partialfc {

struct GlyphSetOptions {
  std::filesystem::path output;     // folder, made if it is not there
  std::filesystem::path fonts;      // folder with the fonts to use; empty: those that are installed
  bool full = false;                // all fonts rather than those of the small set
  int size = 40;                    // pixels, height and width
  int min_families = 9;             // fewest design families in which a class is trained on
  double unseen_characters = 0.05;  // share of the characters that is kept from training
  int64_t pairs = 6000;             // in each verification pack
  uint64_t seed = 1;
  int threads = 1;
};

struct GlyphSetReport {
  int64_t classes = 0;
  int64_t images = 0;         // in the training set
  int64_t fewest_images = 0;  // of a class
  int64_t unseen_characters = 0;
  int64_t twins = 0, ambiguous = 0, repeated = 0, rare = 0;  // as in ClassSelection
  int64_t faces = 0;                                         // that have any image in the set
  std::vector<std::string> trained_families, unseen_families;
  double survey_seconds = 0;  // to find out what each font draws
  double write_seconds = 0;   // to draw, encode and write the training set
};

// `stage` is what is being done, `done` of `total` how far.
using GlyphSetProgress = std::function<void(std::string_view stage, int64_t done, int64_t total)>;

// Error where a font of the small set is missing, or where the fonts draw too few characters for
// the set or for a pack; it says what to do.
GlyphSetReport build_glyph_set(const GlyphSetOptions& options, const GlyphSetProgress& progress);

}  // namespace partialfc
