// The part of `partialfc check` about a recipe: its data, its verification packs, and whether disk and memory suffice.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "check/check_list.h"

namespace partialfc {

struct RecipeCheck {
  std::filesystem::path recipe;
  std::vector<std::string> overrides;  // "key.sub=value"
  std::filesystem::path output;        // the run's folder
  int ranks = 1, ranks_here = 1;       // in all, and on this host
};

void check_recipe(const RecipeCheck& check, CheckList& list);

}  // namespace partialfc
