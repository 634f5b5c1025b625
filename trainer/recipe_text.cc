// A recipe as text.
#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <concepts>
#include <ranges>
#include <sstream>

#include "trainer/recipe_fields.h"

namespace partialfc {

namespace {

using StringMap = std::map<std::string, std::string>;
template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;

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
  std::vector<std::string> entries;
  for (const auto& [key, value] : map) entries.push_back(toml_value(key) + " = " + toml_value(value));
  return fmt::format("{{{}}}", fmt::join(entries, ", "));
}

}  // namespace

std::string to_toml(const Recipe& recipe) {
  std::string text, section;
  for_each_field(recipe, [&](const std::string name, const auto& field, const Limits&, const char*) {
    const size_t dot = name.find('.');
    if (name.substr(0, dot) != section) {
      section = name.substr(0, dot);
      text += fmt::format("{}[{}]\n", text.empty() ? "" : "\n", section);
    }
    text += fmt::format("{} = {}\n", name.substr(dot + 1), toml_value(field));
  });
  return text;
}

std::vector<NamedValue> shared_values(const Recipe& recipe) {
  std::vector<NamedValue> values;
  for_each_field(recipe, [&](const char* name, const auto& field, const Limits& limits, const char*) {
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
    text += fmt::format("  {:<30} {:<12} {}{}\n", name, toml_value(field), help, choices);
  });
  return text;
}

}  // namespace partialfc
