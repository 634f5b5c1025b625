#include "check/recipe_check.h"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "check/capacity_check.h"
#include "check/data_check.h"
#include "partialfc/base/cores.h"
#include "partialfc/plan/memory_model.h"
#include "trainer/recipe.h"
#include "trainer/recipe_shape.h"

namespace partialfc {

namespace {

// The records of centers in a file are as long as the file system makes them; it has to have direct reads and writes.
void ask_for_alignment(const Recipe& recipe, const std::filesystem::path& output, TrainingShape& shape,
                       CheckList& list) {
  const std::filesystem::path folder = existing_folder(
      recipe.head.store_folder.empty() ? output : std::filesystem::path(recipe.head.store_folder));
  list.attempt("working file", [&] { shape.store_alignment = ScratchFile(folder).alignment(); });
}

}  // namespace

void check_recipe(const RecipeCheck& check, CheckList& list) {
  list.begin_section("recipe " + check.recipe.string());
  Recipe recipe;
  if (!list.attempt("recipe", [&] { recipe = read_recipe(check.recipe, check.overrides); })) return;
  list.ok("recipe", "read");
  DataSize data{.classes = recipe.data.classes, .images = recipe.data.classes};  // of synthetic data
  bool is_known = true;
  if (recipe.data.source == "files") {
    const std::unique_ptr<ImageSource> source = check_data(recipe, list);
    is_known = source != nullptr;
    if (is_known) data.images = source->size();
    if (is_known && data.classes == 0) data.classes = source->num_classes();
  } else {
    list.ok("data", fmt::format("synthetic, {} classes", data.classes));
  }
  for (const auto& [name, path] : recipe.verification.packs) check_pack(name, path, recipe, list);
  check_writable("output", check.output, list);
  if (!is_known) return;
  list.attempt("ranks", [&] {
    TrainingShape shape =
        shape_of(recipe, data.classes, check.ranks, std::max(1, usable_cores() / check.ranks_here));
    if (recipe.train.micro_batches == 0) shape.micro_batches = fewest_micro_batches(shape, check.machine);
    if (recipe.head.store == "file") ask_for_alignment(recipe, check.output, shape, list);
    check_cache(recipe, list);
    check_disk(recipe, shape, data, check.output, check.ranks_here, list);
    check_rank_memory(shape, check.machine, check.ranks_here, list);
  });
}

}  // namespace partialfc
