// For this folder's tests: a recipe with a small set, and what a check says of it.
#pragma once

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "check/check_list.h"
#include "partialfc/base/test_support.h"
#include "trainer/recipe.h"
#include "trainer/test_data.h"

namespace partialfc {

class RecipeChecks : public testing::Test {
 protected:
  RecipeChecks() {
    recipe_.data = {.path = folder_.path().string(), .height = 12, .width = 12, .channels = 1};
    recipe_.train.steps = 6;
  }
  // The one line of that name.
  CheckLine line(const std::string& name) const {
    for (const CheckLine& line : list_.lines())
      if (line.name == name) return line;
    ADD_FAILURE() << "no line " << name << " in\n" << check_text(list_);
    return {};
  }

  ScratchFolder folder_;
  Recipe recipe_;
  CheckList list_;
};

}  // namespace partialfc
