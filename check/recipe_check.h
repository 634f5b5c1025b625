// The part of `partialfc check` about a recipe: its data, its verification packs, and whether disk and memory suffice.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "check/check_list.h"
#include "partialfc/plan/machine.h"

namespace partialfc {

struct RecipeCheck {
  std::filesystem::path recipe;
  std::vector<std::string> overrides;  // "key.sub=value"
  std::filesystem::path output;        // the run's folder
  int ranks = 1, ranks_here = 1;       // in all, and on this host
  Machine machine;                     // memory_of_rank(), from before anything was loaded to be looked at
};

void check_recipe(const RecipeCheck& check, CheckList& list);

}  // namespace partialfc
