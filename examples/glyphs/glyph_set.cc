#include "examples/glyphs/glyph_set.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <set>

#include "examples/glyphs/characters.h"
#include "examples/glyphs/class_selection.h"
#include "examples/glyphs/design_families.h"
#include "examples/glyphs/glyph_pairs.h"
#include "examples/glyphs/glyph_renderer.h"
#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/base/parallel.h"
#include "partialfc/base/random.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/image_record.h"
#include "partialfc/data/record_io.h"
#include "partialfc/data/verification_pack.h"

namespace partialfc {

namespace {

using Clock = std::chrono::steady_clock;
using Bytes = std::vector<std::byte>;

constexpr const char* kInstallHint = "install them: xargs -a examples/glyphs/fonts-small.txt apt-get install";

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

// Faces that are used, parallel arrays.
struct Faces {
  std::vector<FontFace> fonts;
  std::vector<std::string> designs;
  std::vector<bool> trained;
  std::vector<std::vector<Drawing>> drawings;

  int64_t size() const { return static_cast<int64_t>(fonts.size()); }
};

// Draws images for one thread; opens a face when it is first asked for.
class Draftsman {
 public:
  Draftsman(const Faces& faces, int size, int margin)
      : faces_(faces), margin_(margin), renderers_(faces.size()), image_(size, size, 1) {}

  Bytes png(const GlyphImage& glyph) {
    auto& renderer = renderers_[glyph.face];
    if (!renderer)
      renderer = std::make_unique<GlyphRenderer>(faces_.fonts[glyph.face], image_.width, margin_);
    const bool drawn = renderer->draw(glyph.character, image_.pixels);
    PFC_CHECK(drawn, "{}", code_point_name(glyph.character));
    return encode_png(image_);
  }

 private:
  const Faces& faces_;
  int margin_;
  std::vector<std::unique_ptr<GlyphRenderer>> renderers_;  // by face
  Image image_;
};

// The small set is the same everywhere, so it needs all of its fonts.
void check_small_set(const std::vector<FontFace>& found, const std::filesystem::path& folder) {
  std::vector<std::string> missing = small_set_fonts();
  const size_t needed = missing.size();
  std::erase_if(missing, [&](const std::string& name) {
    return std::any_of(found.begin(), found.end(),
                       [&](const FontFace& font) { return font.family.starts_with(name); });
  });
  if (!missing.empty())
    fail(
        "{} of the {} fonts of the small set are not {}: {}; "
        "{}, or take --set full, which uses what is there",
        missing.size(), needed, folder.empty() ? "installed" : "in " + folder.string(),
        fmt::join(missing, ", "), kInstallHint);
}

class GlyphSetBuilder {
 public:
  GlyphSetBuilder(const GlyphSetOptions& options, const GlyphSetProgress& progress)
      : options_(options), progress_(progress), team_(options.threads) {}

  GlyphSetReport build();

 private:
  int margin() const { return std::max(1, options_.size / 16); }
  void find_faces();
  void survey();
  void split_classes();
  void write_training_set();
  void write_pack(const char* name, const std::vector<GlyphClass>& classes, uint64_t seed);
  void write_lists();
  std::vector<GlyphClass> only_faces(const std::vector<GlyphClass>& classes, bool trained) const;

  const GlyphSetOptions& options_;
  const GlyphSetProgress& progress_;
  ThreadTeam team_;
  Faces faces_;
  std::vector<Draftsman> draftsmen_;          // by thread
  std::vector<GlyphClass> classes_, unseen_;  // characters trained on, and not
  std::vector<int64_t> images_of_face_;       // in the training set
  GlyphSetReport report_;
};

void GlyphSetBuilder::find_faces() {
  const auto& held_out = held_out_families();
  const auto found = options_.fonts.empty() ? installed_fonts() : fonts_in_folder(options_.fonts);
  if (!options_.full) check_small_set(found, options_.fonts);
  for (const FontFace& font : found) {
    const DesignFamily design = design_family(font.family);
    if (design.unfit || !(design.small || options_.full)) continue;
    faces_.fonts.push_back(font);
    faces_.designs.push_back(design.name);
    faces_.trained.push_back(std::find(held_out.begin(), held_out.end(), design.name) == held_out.end());
  }
}

// Faces differ much in size, so threads take the next one when they are free.
void GlyphSetBuilder::survey() {
  faces_.drawings.resize(faces_.size());
  std::atomic<int64_t> next = 0, done = 0;
  team_.run([&](int thread) {
    for (int64_t face; (face = next++) < faces_.size();) {
      faces_.drawings[face] = survey_face(faces_.fonts[face], options_.size, margin());
      ++done;
      if (thread == 0) progress_("reading fonts", done, faces_.size());
    }
  });
  progress_("reading fonts", faces_.size(), faces_.size());
}

void GlyphSetBuilder::split_classes() {
  auto selection = select_classes(faces_.drawings, faces_.designs, faces_.trained, options_.min_families);
  report_.twins = selection.twins;
  report_.ambiguous = selection.ambiguous;
  report_.repeated = selection.repeated;
  report_.rare = selection.rare;
  const auto count = static_cast<int64_t>(selection.classes.size());
  if (count < 2)
    fail(
        "{} characters are drawn by {} design families or more, of {} faces; "
        "at least 2 characters are needed; lower --min-families, or, "
        "if there are few fonts with Han or Hangul, {}",
        count, options_.min_families, faces_.size(), kInstallHint);

  const RandomPermutation shuffle(count, mix(options_.seed, count));
  const auto unseen = static_cast<int64_t>(options_.unseen_characters * static_cast<double>(count));
  for (int64_t i = 0; i < count; ++i)
    (shuffle(i) < unseen ? unseen_ : classes_).push_back(std::move(selection.classes[i]));
}

std::vector<GlyphClass> GlyphSetBuilder::only_faces(const std::vector<GlyphClass>& classes,
                                                    bool trained) const {
  std::vector<GlyphClass> kept = classes;
  for (GlyphClass& glyph_class : kept)
    std::erase_if(glyph_class.faces, [&](int face) { return faces_.trained[face] != trained; });
  return kept;
}

// Some classes at a time: all threads draw, then one writes, so that the order is that of the
// classes.
void GlyphSetBuilder::write_training_set() {
  const auto classes = only_faces(classes_, true);
  const auto count = static_cast<int64_t>(classes.size());
  constexpr int64_t kClassesAtATime = 256;

  RecordWriter writer(options_.output / "train.rec", options_.output / "train.idx");
  images_of_face_.assign(faces_.size(), 0);
  std::vector<std::vector<Bytes>> records(kClassesAtATime);
  for (int64_t first = 0; first < count; first += kClassesAtATime) {
    const int64_t last = std::min(count, first + kClassesAtATime);
    team_.for_each_part(first, last, [&](int thread, int64_t begin, int64_t end) {
      for (int64_t label = begin; label < end; ++label) {
        auto& out = records[label - first];
        out.clear();
        for (const int face : classes[label].faces) {
          const Bytes png = draftsmen_[thread].png({classes[label].character, face});
          out.push_back(build_image_record({.labels = {static_cast<float>(label)}, .image = png}));
        }
      }
    });
    for (int64_t label = first; label < last; ++label) {
      for (const Bytes& record : records[label - first]) writer.write(report_.images++, record);
      for (const int face : classes[label].faces) ++images_of_face_[face];
    }
    progress_("drawing characters", last, count);
  }
  writer.close();

  report_.classes = count;
  report_.unseen_characters = static_cast<int64_t>(unseen_.size());
  report_.fewest_images =
      std::ssize(std::min_element(classes.begin(), classes.end(), [](const auto& a, const auto& b) {
                   return a.faces.size() < b.faces.size();
                 })->faces);
}

void GlyphSetBuilder::write_pack(const char* name, const std::vector<GlyphClass>& classes, uint64_t seed) {
  const auto pairs = choose_pairs(classes, faces_.designs, options_.pairs, seed);
  const auto path = options_.output / name;
  if (std::ssize(pairs) < options_.pairs)
    fail(
        "{}: fewer than 2 of its characters are drawn by 2 design families or more; if fonts are missing, {}",
        path.string(), kInstallHint);
  VerificationPack pack;
  for (const GlyphPair& pair : pairs) {
    pack.images.push_back(draftsmen_[0].png(pair.first));
    pack.images.push_back(draftsmen_[0].png(pair.second));
    pack.same.push_back(pair.same);
    progress_(name, std::ssize(pack.same), options_.pairs);
  }
  write_verification_pack(path, pack);
}

void GlyphSetBuilder::write_lists() {
  const auto& folder = options_.output;
  std::string lines;
  for (size_t label = 0; label < classes_.size(); ++label) {
    const char32_t character = classes_[label].character;
    lines += fmt::format("{}\t{}\t{}\n", label, code_point_name(character), to_utf8(character));
  }
  write_file_atomically(folder / "classes.txt", lines);

  lines.clear();
  std::set<int> used;
  for (const auto* classes : {&classes_, &unseen_})
    for (const GlyphClass& glyph_class : *classes)
      used.insert(glyph_class.faces.begin(), glyph_class.faces.end());
  std::set<std::string> trained, unseen;
  for (const int face : used) {
    const FontFace& font = faces_.fonts[face];
    lines += fmt::format("{}\t{}\t{}\t{}\t{}\t{}\t{}\n", font.path.filename().string(), font.index,
                         font.family, font.style, faces_.designs[face],
                         faces_.trained[face] ? "train" : "unseen", images_of_face_[face]);
    (faces_.trained[face] ? trained : unseen).insert(faces_.designs[face]);
  }
  write_file_atomically(folder / "fonts.txt", lines);
  write_file_atomically(folder / "property",
                        fmt::format("{},{},{}\n", classes_.size(), options_.size, options_.size));
  report_.faces = std::ssize(used);
  report_.trained_families.assign(trained.begin(), trained.end());
  report_.unseen_families.assign(unseen.begin(), unseen.end());
}

GlyphSetReport GlyphSetBuilder::build() {
  create_folders(options_.output);
  auto start = Clock::now();
  find_faces();
  survey();
  split_classes();
  report_.survey_seconds = seconds_since(start);

  for (int thread = 0; thread < team_.size(); ++thread)
    draftsmen_.emplace_back(faces_, options_.size, margin());
  std::filesystem::remove(options_.output / "property");
  write_pack("unseen_fonts.bin", only_faces(classes_, false), mix(options_.seed, 1));
  write_pack("unseen_characters.bin", unseen_, mix(options_.seed, 2));
  start = Clock::now();
  write_training_set();
  report_.write_seconds = seconds_since(start);
  write_lists();
  return report_;
}

}  // namespace

GlyphSetReport build_glyph_set(const GlyphSetOptions& options, const GlyphSetProgress& progress) {
  return GlyphSetBuilder(options, progress).build();
}

}  // namespace partialfc
