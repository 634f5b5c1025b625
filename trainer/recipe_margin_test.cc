// Margins by name, and by their values.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "trainer/recipe_fixture.h"

namespace partialfc {
namespace {

using testing::EndsWith;
using testing::HasSubstr;

void expect_margin(const Recipe& recipe, const std::string& described) {
  EXPECT_EQ(describe(resolve_margin(recipe.margin_options())), described);
  // What a run folder keeps says it by name, and reads as it was.
  const Recipe kept = parse_recipe(to_toml(recipe), "kept.toml", "/", {});
  EXPECT_EQ(to_toml(kept), to_toml(recipe));
  EXPECT_THAT(to_toml(recipe), HasSubstr("margin = '" + described.substr(0, described.find(',')) + "'\n"));
}

TEST(RecipeMargin, AMarginHasItsOwnValuesAlone) {
  expect_margin(parse(""), "arcface, m2 = 0.5, s = 64");
  expect_margin(parse("head.m3 = 0.4\n"), "cosface, m3 = 0.4, s = 64");
  expect_margin(parse("head.m1 = 1.0\nhead.m2 = 0.0\nhead.m3 = 0.4\n"), "cosface, m3 = 0.4, s = 64");
  expect_margin(parse("head.m2 = 0\n"), "softmax, s = 64");
  expect_margin(parse("head = { margin = \"sphereface\", scale = 30 }\n"), "sphereface, m1 = 1.35, s = 30");
  expect_margin(parse("head = { margin = \"cosface\", m3 = 0.35 }\n"), "cosface, m3 = 0.35, s = 64");
  expect_margin(parse("head = { m2 = 0.3, m3 = 0.1 }\n"), "combined, m1 = 1, m2 = 0.3, m3 = 0.1, s = 64");
  expect_margin(parse("head.detached = true\nhead.filter_above = 0.5\n"),
                "arcface, m2 = 0.5, s = 64, without its derivative, negatives above 0.5 left out");
  Recipe made;  // by a program, not read
  made.train.steps = 1, made.data.path = "/x";
  made.head.m3 = 0.2;
  expect_margin(made, "cosface, m3 = 0.2, s = 64");
}

TEST(RecipeMargin, AnotherMarginsValueIsRefused) {
  EXPECT_EQ(
      refusal("head = { margin = \"arcface\", m3 = 0.4 }\n"),
      "r.toml: [head] margin arcface has no m3, and m3 = 0.4 is given: leave it out, or say combined, with "
      "m1, m2 and m3");
  for (const auto& [value, name] : {std::pair("m1", "sphereface"), {"m2", "arcface"}, {"m3", "cosface"}})
    EXPECT_THAT(refusal(fmt::format("head = {{ margin = \"softmax\", {} = 0.3 }}\n", value)),
                EndsWith(fmt::format("leave it out, or say {}", name)));
  EXPECT_THAT(refusal("head = { margin = \"combined\", m1 = 1, m2 = 0.3 }\n"), HasSubstr("m3 is missing"));
  EXPECT_EQ(refusal("head.margin = \"cosfase\"\n"),
            "r.toml:3: head.margin = 'cosfase': must be one of softmax, arcface, cosface, sphereface, "
            "combined; did you mean 'cosface'?");
}

TEST(RecipeMargin, AMarginOnTheCommandLineKeepsTheFilesValuesThatItHas) {
  const std::string file = "head = { margin = \"arcface\", m2 = 0.3 }\n";
  expect_margin(parse(file, {"head.margin=cosface"}), "cosface, m3 = 0.4, s = 64");
  expect_margin(parse(file, {"head.m3=0.2", "head.margin=cosface"}), "cosface, m3 = 0.2, s = 64");
  expect_margin(parse(file, {"head.margin=arcface"}), "arcface, m2 = 0.3, s = 64");
  expect_margin(parse(file, {"head.margin=combined", "head.m1=0.9", "head.m3=0.1"}),
                "combined, m1 = 0.9, m2 = 0.3, m3 = 0.1, s = 64");
  expect_margin(parse(file, {"head.margin=cosface", "head.margin=arcface"}), "arcface, m2 = 0.3, s = 64");
  expect_margin(parse(file, {"head.m2=0.2"}), "arcface, m2 = 0.2, s = 64");
  EXPECT_THAT(refusal(file, {"head.m3=0.2"}), HasSubstr("arcface has no m3"));
  expect_margin(parse("head.m2 = 0.3\n", {"head.m3=0.2"}), "combined, m1 = 1, m2 = 0.3, m3 = 0.2, s = 64");
}

}  // namespace
}  // namespace partialfc
