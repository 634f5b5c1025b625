// The part of `partialfc check` about the images of a recipe: its data and its verification packs.
#pragma once

#include <memory>
#include <string>

#include "check/check_list.h"
#include "partialfc/data/image_source.h"
#include "trainer/recipe.h"

namespace partialfc {

// Labels and records of all images are read, as far as 20 seconds allow, spread over the data; 200 images are decoded,
// among them the first and the last. Returns null where the data cannot be opened.
std::unique_ptr<ImageSource> check_data(const Recipe& recipe, CheckList& list);

void check_pack(const std::string& name, const std::string& path, const Recipe& recipe, CheckList& list);

}  // namespace partialfc
