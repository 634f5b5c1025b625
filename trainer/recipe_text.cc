// The recipe as text: TOML, help and a page of documentation; and the options of other layers that it holds.
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <cmath>
#include <concepts>
#include <ranges>
#include <sstream>
#include <utility>

#include "trainer/recipe.h"
#include "trainer/recipe_fields.h"

namespace partialfc {

BackboneOptions Recipe::backbone_options() const {
  return {.name = backbone.name,
          .input = {data.channels, data.height, data.width},
          .embedding = backbone.embedding,
          .dropout = backbone.dropout,
          .width = backbone.width,
          .stages = backbone.stages,
          .depth = backbone.depth,
          .stem_stride = backbone.stem_stride};
}

MarginOptions Recipe::margin_options() const {
  return {.name = head.margin ? std::optional(margin_named(*head.margin)) : std::nullopt,
          .scale = static_cast<float>(head.scale),
          .m1 = head.m1,
          .m2 = head.m2,
          .m3 = head.m3,
          .detached = head.detached,
          .filter_above = static_cast<float>(head.filter_above)};
}

Recipe with_named_margin(Recipe recipe) {
  const MarginOptions named = named_options(resolve_margin(recipe.margin_options()));
  recipe.head.margin = name_of(*named.name);
  recipe.head.m1 = named.m1, recipe.head.m2 = named.m2, recipe.head.m3 = named.m3;
  return recipe;
}

namespace {

std::string toml_value(bool value) { return value ? "true" : "false"; }
std::string toml_value(Integer auto value) { return std::to_string(value); }
std::string toml_value(double value) {
  const std::string text = fmt::format("{}", value);
  return text.find_first_of(".en") == std::string::npos ? text + ".0" : text;
}
std::string toml_value(const std::string& value) {
  std::ostringstream out;
  out << toml::value<std::string>(value);
  return out.str();
}
std::string toml_value(const std::vector<int64_t>& values) {
  return fmt::format("[{}]", fmt::join(values, ", "));
}
std::string toml_value(const StringMap& map) {
  Strings entries;
  for (const auto& [key, value] : map) entries.push_back(toml_value(key) + " = " + toml_value(value));
  return fmt::format("{{{}}}", fmt::join(entries, ", "));
}
template <class T>
std::string toml_value(const std::optional<T>& value) {
  return value ? toml_value(*value) : "";
}

struct Key {
  std::string section, name;
};

Key key_of(const std::string& full_name) {
  const size_t dot = full_name.find('.');
  return {full_name.substr(0, dot), full_name.substr(dot + 1)};
}

}  // namespace

std::string to_toml(const Recipe& recipe) {
  const Recipe named = with_named_margin(recipe);
  std::string text, section;
  for_each_field(named, [&](const char* name, const auto& field, const Limits&, const char*) {
    const Key key = key_of(name);
    if (std::exchange(section, key.section) != key.section)
      text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", section);
    if (const std::string value = toml_value(field); !value.empty())
      text += fmt::format("{} = {}\n", key.name, value);
  });
  return text;
}

std::vector<NamedValue> shared_values(const Recipe& recipe) {
  const Recipe named = with_named_margin(recipe);
  std::vector<NamedValue> values;
  for_each_field(named, [&](const char* name, const auto& field, const Limits& limits, const char*) {
    if constexpr (std::same_as<std::remove_cvref_t<decltype(field)>, StringMap>)
      values.push_back({name, fmt::format("{}", fmt::join(std::views::keys(field), ", "))});
    else if (!limits.is_path && !limits.per_host)
      values.push_back({name, toml_value(field)});
  });
  return values;
}

std::string recipe_help() {
  std::string text;
  Recipe recipe;
  for_each_field(recipe, [&](const char* name, const auto& field, const Limits& limits, const char* help) {
    const std::string choices =
        limits.choices.empty() ? "" : fmt::format(" [{}]", fmt::join(limits.choices, ", "));
    const std::string value = toml_value(field);
    text += fmt::format("  {:<30} {:<12} {}{}\n", name, value.empty() ? "-" : value, help, choices);
  });
  return text;
}

namespace {

std::string type_of(bool) { return "boolean"; }
std::string type_of(Integer auto) { return "integer"; }
std::string type_of(double) { return "number"; }
std::string type_of(const std::string&) { return "string"; }
std::string type_of(const std::vector<int64_t>&) { return "integers"; }
std::string type_of(const StringMap&) { return "table"; }
template <class T>
std::string type_of(const std::optional<T>&) {
  return type_of(T{});
}

// What a value may be; "" where its type says it all.
std::string range_of(const Limits& limits) {
  if (limits.is_path) return "a path";
  if (!limits.choices.empty()) return fmt::format("`{}`", fmt::join(limits.choices, "`, `"));
  if (std::isinf(limits.low)) return "";
  return limits.high >= kUnbounded ? fmt::format("{} or more", limits.low)
                                   : fmt::format("{} to {}", limits.low, limits.high);
}

const std::map<std::string, std::string> kSections = {
    {"data",
     "Images, their classes, and how they are read ([input.md](input.md), [formats.md](formats.md))."},
    {"augment", "Random changes to the training images. Each is off at 0."},
    {"backbone", "The network from images to embeddings."},
    {"head",
     "The margin softmax over the class centers ([design.md](design.md)). Of the margins `arcface` takes m2, "
     "`cosface` m3, `sphereface` m1, `combined` all three, `softmax` none; another margin's value is "
     "refused. `--head.margin` on the command line keeps of the file's values those that it has."},
    {"optimizer", "Of the backbone and of the class centers alike."},
    {"schedule", "The learning rate over the run: a linear warm-up, then the policy."},
    {"train", "Length, batch ([worlds.md](worlds.md)) and arithmetic."},
    {"verification", "Pairs of images that are compared on the way; with the last step in any case."},
    {"checkpoint", "What is saved on the way; the last step in any case ([formats.md](formats.md))."},
};

constexpr const char* kPageHead = R"(# The recipe

All that decides what is trained, and how: a TOML file, each key of it below. Any key can be given on the command line in its
place, as `--section.key=value`. Paths are relative to the recipe's folder, on the command line to the current one. A key that
is not below, or a value out of its range, is refused with its line.

What must be given: `data.path`, or `data.source = "synthetic"` with `data.classes`; and one of `train.steps` and
`train.epochs`.

This page is printed by `partialfc train --help-recipe`.
)";

}  // namespace

std::string recipe_page() {
  const Recipe recipe;
  std::string text = kPageHead, section;
  for_each_field(recipe, [&](const char* name, const auto& field, const Limits& limits, const char* help) {
    const Key key = key_of(name);
    if (std::exchange(section, key.section) != key.section)
      text +=
          fmt::format("\n## {}\n\n{}\n\n| key | type | default | values | meaning |\n|---|---|---|---|---|\n",
                      section, kSections.at(section));
    const std::string value = toml_value(field);
    text += fmt::format("| `{}` | {} | {} | {} | {} |\n", key.name, type_of(field),
                        value.empty() ? "" : "`" + value + "`", range_of(limits), help);
  });
  return text;
}

}  // namespace partialfc
