// The known name closest to a mistyped one, for error messages.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace partialfc {

// Number of single-letter insertions, deletions and replacements that turn a into b (Levenshtein).
int edit_distance(std::string_view a, std::string_view b);

// The nearest of `known`, or "" where nothing is near: more than half of the letters would have to change.
std::string nearest_name(std::string_view name, std::span<const std::string> known);

// "; did you mean 'x'?", or the list of known names where nothing is near.
std::string did_you_mean(std::string_view name, std::span<const std::string> known);

}  // namespace partialfc
