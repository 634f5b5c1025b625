#include "examples/glyphs/class_selection.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

using Surveys = std::vector<std::vector<Drawing>>;
using CharacterPair = std::pair<char32_t, char32_t>;

// How many faces draw both characters of each pair alike.
std::map<CharacterPair, int> count_alike(const Surveys& surveys) {
  std::map<CharacterPair, int> alike;
  for (const auto& survey : surveys) {
    std::vector<Drawing> by_image = survey;
    std::sort(by_image.begin(), by_image.end(), [](const Drawing& a, const Drawing& b) {
      return std::pair(a.hash, a.character) < std::pair(b.hash, b.character);
    });
    for (size_t i = 0; i < by_image.size(); ++i) {
      for (size_t j = i + 1; j < by_image.size() && by_image[j].hash == by_image[i].hash; ++j)
        ++alike[{by_image[i].character, by_image[j].character}];
    }
  }
  return alike;
}

bool draws(const std::vector<Drawing>& survey, char32_t character) {
  const auto place =
      std::lower_bound(survey.begin(), survey.end(), character,
                       [](const Drawing& d, char32_t character) { return d.character < character; });
  return place != survey.end() && place->character == character;
}

std::unordered_set<char32_t> find_twins(const Surveys& surveys) {
  const auto faces_with = [&](char32_t a, char32_t b) {
    return std::count_if(surveys.begin(), surveys.end(),
                         [&](const auto& survey) { return draws(survey, a) && draws(survey, b); });
  };
  std::unordered_set<char32_t> twins;
  for (const auto& [pair, alike] : count_alike(surveys)) {
    const auto [a, b] = pair;
    if (2 * alike < faces_with(a, b)) continue;
    twins.insert(faces_with(b, b) > faces_with(a, a) ? a : b);
  }
  return twins;
}

// The images that stand for more than one character.
std::unordered_set<uint64_t> find_ambiguous(const Surveys& surveys,
                                            const std::unordered_set<char32_t>& twins) {
  std::unordered_map<uint64_t, char32_t> meaning;
  std::unordered_set<uint64_t> ambiguous;
  for (const auto& survey : surveys) {
    for (const auto& [character, hash] : survey) {
      if (twins.contains(character)) continue;
      if (meaning.try_emplace(hash, character).first->second != character) ambiguous.insert(hash);
    }
  }
  return ambiguous;
}

struct Candidate {
  std::vector<int> faces;
  std::vector<uint64_t> images;
  std::set<std::string_view> designs;  // of the faces that are trained on
};

}  // namespace

ClassSelection select_classes(const Surveys& surveys, const std::vector<std::string>& designs,
                              const std::vector<bool>& trained, int min_families) {
  PFC_CHECK(surveys.size() == designs.size() && surveys.size() == trained.size());
  const auto twins = find_twins(surveys);
  const auto ambiguous = find_ambiguous(surveys, twins);

  ClassSelection selection;
  selection.twins = static_cast<int64_t>(twins.size());
  std::map<char32_t, Candidate> candidates;
  for (size_t face = 0; face < surveys.size(); ++face) {
    for (const auto& [character, hash] : surveys[face]) {
      if (twins.contains(character)) continue;
      if (ambiguous.contains(hash)) {
        ++selection.ambiguous;
        continue;
      }
      Candidate& candidate = candidates[character];
      if (std::find(candidate.images.begin(), candidate.images.end(), hash) != candidate.images.end()) {
        ++selection.repeated;
        continue;
      }
      candidate.faces.push_back(static_cast<int>(face));
      candidate.images.push_back(hash);
      if (trained[face]) candidate.designs.insert(designs[face]);
    }
  }
  for (auto& [character, candidate] : candidates) {
    if (std::ssize(candidate.designs) >= min_families)
      selection.classes.push_back({character, std::move(candidate.faces)});
    else
      ++selection.rare;
  }
  return selection;
}

}  // namespace partialfc
