// For tests: recipes of a few lines, and what is said of those that are refused.
#pragma once

#include <string>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/test_support.h"
#include "trainer/recipe.h"

namespace partialfc {

// The least that is a recipe: others are this and some lines.
inline const std::string kLeast = "data.path = \"x.rec\"\ntrain.steps = 10\n";

inline Recipe parse(const std::string& lines, const std::vector<std::string>& overrides = {}) {
  return parse_recipe(kLeast + lines, "r.toml", "/sets/faces", overrides);
}
inline std::string refusal(const std::string& lines, const std::vector<std::string>& overrides = {}) {
  try {
    parse(lines, overrides);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace partialfc
