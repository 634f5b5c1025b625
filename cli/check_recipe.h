// The part of `partialfc check` about a recipe: its data, its verification packs, and whether disk and memory suffice.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "cli/check_list.h"

namespace partialfc {

struct RecipeCheck {
  std::filesystem::path recipe;
  std::vector<std::string> overrides;  // "key.sub=value"
  std::filesystem::path output;        // the run's folder
  int ranks = 1, ranks_here = 1;       // in all, and on this host
};

// Labels and records of all images are read, as far as 20 seconds allow, spread over the data; 200 images are decoded,
// among them the first and the last.
void check_recipe(const RecipeCheck& check, CheckList& list);

}  // namespace partialfc
