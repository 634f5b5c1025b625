#include "examples/glyphs/glyph_pairs.h"

#include <map>

#include "partialfc/base/random.h"

namespace partialfc {

namespace {

// A class's faces, grouped by design family.
struct ClassDesigns {
  char32_t character;
  std::vector<std::vector<int>> faces;  // of each design family
  std::vector<std::string> names;       // of the design families
};

std::vector<ClassDesigns> group_by_design(const std::vector<GlyphClass>& classes,
                                          const std::vector<std::string>& designs) {
  std::vector<ClassDesigns> grouped;
  for (const GlyphClass& glyph_class : classes) {
    std::map<std::string, std::vector<int>> faces;
    for (const int face : glyph_class.faces) faces[designs[face]].push_back(face);
    if (faces.size() < 2) continue;
    ClassDesigns& entry = grouped.emplace_back();
    entry.character = glyph_class.character;
    for (auto& [name, members] : faces) {
      entry.names.push_back(name);
      entry.faces.push_back(std::move(members));
    }
  }
  return grouped;
}

template <class T>
const T& pick(const std::vector<T>& from, RandomStream& random) {
  return from[random.below(static_cast<int64_t>(from.size()))];
}

}  // namespace

std::vector<GlyphPair> choose_pairs(const std::vector<GlyphClass>& classes,
                                    const std::vector<std::string>& designs, int64_t count, uint64_t seed) {
  const std::vector<ClassDesigns> candidates = group_by_design(classes, designs);
  std::vector<GlyphPair> pairs;
  if (candidates.size() < 2) return pairs;
  for (int64_t i = 0; i < count; ++i) {
    RandomStream random(seed, Purpose::kVerificationPairs, static_cast<uint64_t>(i));
    const bool same = i % 2 == 0;
    const ClassDesigns& first = pick(candidates, random);
    const ClassDesigns* second = &first;
    while (!same && second == &first) second = &pick(candidates, random);

    const auto design = random.below(static_cast<int64_t>(first.faces.size()));
    const auto unlike = [&](int64_t d) { return second->names[d] != first.names[design]; };
    auto other = random.below(static_cast<int64_t>(second->faces.size()));
    while (!unlike(other)) other = random.below(static_cast<int64_t>(second->faces.size()));
    pairs.push_back({{first.character, pick(first.faces[design], random)},
                     {second->character, pick(second->faces[other], random)},
                     same});
  }
  return pairs;
}

}  // namespace partialfc
