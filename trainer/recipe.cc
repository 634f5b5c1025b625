#include "trainer/recipe.h"

#include <fmt/ranges.h>
#include <toml++/toml.h>

#include <algorithm>
#include <concepts>
#include <sstream>
#include <type_traits>
#include <utility>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/base/nearest_name.h"
#include "trainer/recipe_fields.h"

namespace partialfc {

namespace {

// Where a value came from, for messages and for relative paths.
struct Origin {
  std::string where;
  std::filesystem::path base_folder;
  bool has_lines = true;  // false: an override
};

std::string place_of(const toml::node& node, const Origin& origin) {
  if (!origin.has_lines || !node.source().begin) return origin.where;
  return fmt::format("{}:{}", origin.where, node.source().begin.line);
}

struct Value {
  const toml::node* node;
  Origin origin;
};

std::string text_of(const toml::node& node) {
  std::ostringstream out;
  node.visit([&](const auto& value) { out << value; });
  return out.str();
}

std::string type_of(const toml::node& node) {
  std::ostringstream out;
  out << node.type();
  return out.str();
}

[[noreturn]] void refuse_type(const Value& value, const char* name, const char* needed) {
  fail_usage("{}: {} = {}: needs {}, this is of type {}", value.origin.where, name, text_of(*value.node),
             needed, type_of(*value.node));
}

void check_limits(const Value& value, const char* name, double number, const Limits& limits) {
  if (!(number >= limits.low && number <= limits.high))
    fail_usage("{}: {} = {}: must be {:g} to {:g}", value.origin.where, name, text_of(*value.node),
               limits.low, limits.high);
}

std::string resolve(const std::string& path, const Origin& origin) {
  if (path.empty()) return path;
  return std::filesystem::absolute(origin.base_folder / path).lexically_normal().string();
}

void assign(const Value& value, const char* name, bool& field, const Limits&) {
  if (!value.node->is_boolean()) refuse_type(value, name, "true or false");
  field = **value.node->as_boolean();
}

template <Integer T>
void assign(const Value& value, const char* name, T& field, const Limits& limits) {
  if (!value.node->is_integer()) refuse_type(value, name, "an integer");
  const int64_t number = **value.node->as_integer();
  check_limits(value, name, static_cast<double>(number), limits);
  field = static_cast<T>(number);
}

void assign(const Value& value, const char* name, double& field, const Limits& limits) {
  if (!value.node->is_number()) refuse_type(value, name, "a number");
  field = value.node->is_integer() ? static_cast<double>(**value.node->as_integer())
                                   : **value.node->as_floating_point();
  check_limits(value, name, field, limits);
}

// "cuda:N" stands for cuda: and any number.
bool is_choice(const std::string& text, const std::string& choice) {
  if (!choice.ends_with(":N")) return text == choice;
  const size_t prefix = choice.size() - 1;
  return text.size() > prefix && text.compare(0, prefix, choice, 0, prefix) == 0 &&
         text.find_first_not_of("0123456789", prefix) == std::string::npos;
}

void assign(const Value& value, const char* name, std::string& field, const Limits& limits) {
  if (!value.node->is_string()) refuse_type(value, name, "a string");
  field = **value.node->as_string();
  if (limits.is_path) field = resolve(field, value.origin);
  const Strings& choices = limits.choices;
  if (!choices.empty() &&
      std::ranges::none_of(choices, [&](auto& choice) { return is_choice(field, choice); }))
    fail_usage("{}: {} = '{}': must be one of {}{}", value.origin.where, name, field,
               fmt::join(choices, ", "),
               nearest_name(field, choices).empty() ? "" : did_you_mean(field, choices));
}

template <class T>
void assign(const Value& value, const char* name, std::optional<T>& field, const Limits& limits) {
  assign(value, name, field.emplace(), limits);
}

void assign(const Value& value, const char* name, std::vector<int64_t>& field, const Limits& limits) {
  if (!value.node->is_array()) refuse_type(value, name, "an array of integers");
  field.clear();
  for (const toml::node& element : *value.node->as_array())
    assign({&element, value.origin}, name, field.emplace_back(), limits);
}

void assign(const Value& value, const char* name, StringMap& field, const Limits& limits) {
  if (!value.node->is_table()) refuse_type(value, name, "a table of NAME = \"FILE\"");
  const toml::table& table = *value.node->as_table();
  if (table.is_inline()) field.clear();  // the whole table; `NAME.KEY = …` adds to it
  for (const auto& [key, element] : table)
    assign({&element, value.origin}, name, field[std::string(key.str())], limits);
}

// The recipe's keys, their sections, and which of the keys are tables of the user's own names.
struct KnownKeys {
  Strings names;
  Strings sections;
  Strings tables;

  bool is_section(const std::string& name) const {
    return std::find(sections.begin(), sections.end(), name) != sections.end();
  }
};

KnownKeys known_keys() {
  KnownKeys known;
  Recipe recipe;
  for_each_field(recipe, [&](const char* name, auto& field, const Limits&, const char*) {
    known.names.emplace_back(name);
    const std::string section = known.names.back().substr(0, known.names.back().find('.'));
    if (!known.is_section(section)) known.sections.push_back(section);
    if (std::same_as<std::remove_reference_t<decltype(field)>, StringMap>) known.tables.emplace_back(name);
  });
  return known;
}

void refuse_unknown_keys(const toml::table& table, const std::string& prefix, const Origin& origin,
                         const KnownKeys& known) {
  for (const auto& [key, node] : table) {
    const std::string name = prefix + std::string(key.str());
    const bool own_names = std::find(known.tables.begin(), known.tables.end(), name) != known.tables.end();
    if (own_names || std::find(known.names.begin(), known.names.end(), name) != known.names.end()) continue;
    if (known.is_section(name)) {
      if (!node.is_table())
        refuse_type({&node, {place_of(node, origin)}}, name.c_str(), "a table of its keys");
      refuse_unknown_keys(*node.as_table(), name + ".", origin, known);
      continue;
    }
    Strings candidates = known.names;
    if (prefix.empty()) candidates.insert(candidates.end(), known.sections.begin(), known.sections.end());
    const std::string nearest = nearest_name(name, candidates);
    fail_usage("{}: unknown key '{}'{}", place_of(node, origin), name,
               nearest.empty() ? "; see `partialfc train --help` for all keys"
                               : fmt::format("; did you mean '{}'?", nearest));
  }
}

void assign_fields(Recipe& recipe, const toml::table& table, const Origin& origin) {
  refuse_unknown_keys(table, "", origin, known_keys());
  for_each_field(recipe, [&](const char* name, auto& field, const Limits& limits, const char*) {
    const toml::node* node = table.at_path(name).node();
    if (node == nullptr) return;
    assign({node, {place_of(*node, origin), origin.base_folder}}, name, field, limits);
  });
}

toml::table parse_toml(const std::string& text, const std::string& where) {
  try {
    return toml::parse(text, where);
  } catch (const toml::parse_error& error) {
    fail_usage("{}:{}: {}", where, error.source().begin.line, error.description());
  }
}

// "train.steps=100" → { train = { steps = 100 } }. What is no TOML value is taken as a string.
toml::table parse_override(const std::string& override_text) {
  const size_t equals = override_text.find('=');
  if (equals == std::string::npos || equals == 0)
    fail_usage("--{}: overrides are --key.sub=value", override_text);
  const std::string key = override_text.substr(0, equals), value = override_text.substr(equals + 1);
  try {
    return toml::parse(key + " = " + value);
  } catch (const toml::parse_error&) {
    std::ostringstream quoted;
    quoted << toml::value<std::string>(value);
    return parse_toml(key + " = " + quoted.str(), "--" + key);
  }
}

void check_whole(const Recipe& recipe, const std::string& where) {
  if (recipe.data.source == "files" && recipe.data.path.empty())
    fail_usage("{}: data.path is missing: name a .rec file, a folder with a folder a class, or a list",
               where);
  if (recipe.data.source == "synthetic" && recipe.data.classes == 0)
    fail_usage("{}: data.classes is missing: synthetic data needs a number of classes", where);
  if (recipe.data.source == "synthetic" && recipe.data.cache != "none")
    fail_usage("{}: data.cache = '{}' copies files, and data.source = 'synthetic' has none: leave one out",
               where, recipe.data.cache);
  if (!recipe.data.shuffle && recipe.data.order == "shards")
    fail_usage("{}: data.order = 'shards' shuffles, and data.shuffle = false does not: leave one out", where);
  if (recipe.head.store == "file" && recipe.train.device.starts_with("cuda"))
    fail_usage(
        "{}: head.store = 'file' keeps centers for the CPU, and train.device = '{}': keep them in the host's memory with "
        "head.frame_memory",
        where, recipe.train.device);
  if (recipe.data.channels == 2) fail_usage("{}: data.channels = 2: must be 1 or 3", where);
  if ((recipe.train.steps > 0) == (recipe.train.epochs > 0))
    fail_usage("{}: give either train.steps or train.epochs (steps = {}, epochs = {})", where,
               recipe.train.steps, recipe.train.epochs);
  if ((recipe.train.global_batch > 0) == (recipe.train.batch_per_rank > 0))
    fail_usage(
        "{}: give either train.global_batch or train.batch_per_rank, the other is 0 (global_batch = {}, "
        "batch_per_rank = {})",
        where, recipe.train.global_batch, recipe.train.batch_per_rank);
}

void keep_values_of(const std::string& margin, Recipe::Head& head) {
  const std::vector<std::string> names = margin_names();
  if (std::ranges::find(names, margin) == names.end()) return;  // refused where it is assigned
  const MarginOptions kept =
      without_values_of_others({.name = margin_named(margin), .m1 = head.m1, .m2 = head.m2, .m3 = head.m3});
  head.m1 = kept.m1, head.m2 = kept.m2, head.m3 = kept.m3;
}

}  // namespace

Recipe parse_recipe(const std::string& toml, const std::string& where,
                    const std::filesystem::path& base_folder, std::span<const std::string> overrides) {
  Recipe recipe;
  bool global_batch_given = false;
  const auto assign_all = [&](const toml::table& table, const Origin& origin) {
    assign_fields(recipe, table, origin);
    global_batch_given = global_batch_given || table.at_path("train.global_batch").node() != nullptr;
  };
  assign_all(parse_toml(toml, where), {where, base_folder});
  std::vector<toml::table> changes;
  for (const std::string& text : overrides) changes.push_back(parse_override(text));
  // A margin on the command line keeps of the file's values those that it has.
  std::optional<std::string> margin;
  for (const toml::table& table : changes)
    if (const auto name = table.at_path("head.margin").value<std::string>()) margin = name;
  if (margin) keep_values_of(*margin, recipe.head);
  for (size_t i = 0; i < changes.size(); ++i)
    assign_all(changes[i], {"--" + overrides[i], std::filesystem::current_path(), false});
  if (recipe.train.batch_per_rank > 0 && !global_batch_given)
    recipe.train.global_batch = 0;  // not its default
  check_whole(recipe, where);
  try {
    return with_named_margin(std::move(recipe));
  } catch (const UsageError& error) {
    fail_usage("{}: [head] {}", where, error.what());
  }
}

Recipe read_recipe(const std::filesystem::path& path, std::span<const std::string> overrides) {
  return parse_recipe(read_text_file(path), path.string(), path.parent_path(), overrides);
}

}  // namespace partialfc
