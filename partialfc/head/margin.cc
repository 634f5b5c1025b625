#include "partialfc/head/margin.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "partialfc/base/error.h"
#include "partialfc/kernels/softmax_tile.h"

namespace partialfc {

namespace {

using Values = std::array<double, 3>;  // m1, m2, m3

constexpr std::array<const char*, 3> kValueNames = {"m1", "m2", "m3"};
constexpr Values kNeutral = {1, 0, 0};

struct NamedMargin {
  const char* name;
  std::array<bool, 3> takes;  // of the values; the others are neutral
  Values usual;
};

constexpr std::array<NamedMargin, 5> kMargins = {{
    // in the order of MarginName
    {"softmax", {false, false, false}, kNeutral},
    {"arcface", {false, true, false}, {1, 0.5, 0}},
    {"cosface", {false, false, true}, {1, 0, 0.4}},
    {"sphereface", {true, false, false}, {1.35, 0, 0}},
    {"combined", {true, true, true}, kNeutral},
}};

const NamedMargin& margin_of(MarginName name) { return kMargins.at(static_cast<size_t>(name)); }

MarginName name_fitting(const Values& values) {
  const auto fits = [&](const NamedMargin& margin) {
    for (size_t i = 0; i < values.size(); ++i)
      if (values[i] != kNeutral[i] && !margin.takes[i]) return false;
    return true;
  };
  return static_cast<MarginName>(std::ranges::find_if(kMargins, fits) - kMargins.begin());
}

// The margin that has this value besides those that `margin` has.
std::string name_with_value(const NamedMargin& margin, size_t value) {
  for (const NamedMargin& other : kMargins) {
    bool has_all = other.takes[value];
    for (size_t i = 0; i < margin.takes.size(); ++i)
      has_all = has_all && (other.takes[i] || !margin.takes[i]);
    if (has_all && other.takes != kMargins.back().takes) return other.name;
  }
  return "combined, with m1, m2 and m3";
}

Values values_of(const MarginOptions& options) {
  const std::array<std::optional<double>, 3> given = {options.m1, options.m2, options.m3};
  const bool any = options.m1 || options.m2 || options.m3;
  const NamedMargin& margin =
      margin_of(options.name.value_or(any ? MarginName::kCombined : MarginName::kArcFace));
  Values values = margin.usual;
  for (size_t i = 0; i < values.size(); ++i) {
    if (given[i] && !margin.takes[i])
      fail_usage("margin {} has no {}, and {} = {:g} is given: leave it out, or say {}", margin.name,
                 kValueNames[i], kValueNames[i], *given[i], name_with_value(margin, i));
    if (!given[i] && options.name == MarginName::kCombined)
      fail_usage("margin combined needs m1, m2 and m3: {} is missing, {:g} is without it", kValueNames[i],
                 kNeutral[i]);
    values[i] = given[i].value_or(values[i]);
  }
  return values;
}

void check_ranges(const Margin& margin) {
  const auto& [scale, m1, m2, m3, detached, filter_above] = margin;
  if (!(scale > 0 && std::isfinite(scale))) fail_usage("margin scale s = {}: must be positive", scale);
  if (!(m1 > 0 && m1 <= 16)) fail_usage("margin m1 = {}: must be in (0, 16]", m1);
  if (!(m2 >= 0 && m2 <= std::numbers::pi)) fail_usage("margin m2 = {}: must be in [0, pi]", m2);
  if (!(m3 >= -1 && m3 <= 1)) fail_usage("margin m3 = {}: must be in [-1, 1]", m3);
  if (!(filter_above >= -1)) fail_usage("margin filter_above = {}: must be at least -1", filter_above);
}

}  // namespace

const char* name_of(MarginName name) { return margin_of(name).name; }

std::vector<std::string> margin_names() {
  std::vector<std::string> names;
  for (const NamedMargin& margin : kMargins) names.emplace_back(margin.name);
  return names;
}

MarginName margin_named(const std::string& name) {
  const auto* found = std::ranges::find(kMargins, name, &NamedMargin::name);
  if (found == kMargins.end())
    fail_usage("margin '{}': must be one of {}", name, fmt::join(margin_names(), ", "));
  return static_cast<MarginName>(found - kMargins.begin());
}

MarginOptions without_values_of_others(MarginOptions options) {
  const std::array<bool, 3> takes =
      options.name ? margin_of(*options.name).takes : std::array{true, true, true};
  if (!takes[0]) options.m1.reset();
  if (!takes[1]) options.m2.reset();
  if (!takes[2]) options.m3.reset();
  return options;
}

Margin resolve_margin(const MarginOptions& options) {
  const Values values = values_of(options);
  const Margin margin{.scale = options.scale,
                      .m1 = values[0],
                      .m2 = values[1],
                      .m3 = values[2],
                      .detached = options.detached,
                      .filter_above = options.filter_above};
  check_ranges(margin);
  return margin;
}

MarginOptions named_options(const Margin& margin) {
  const MarginName name = name_fitting({margin.m1, margin.m2, margin.m3});
  const std::array<bool, 3>& takes = margin_of(name).takes;
  MarginOptions options{
      .name = name, .scale = margin.scale, .detached = margin.detached, .filter_above = margin.filter_above};
  if (takes[0]) options.m1 = margin.m1;
  if (takes[1]) options.m2 = margin.m2;
  if (takes[2]) options.m3 = margin.m3;
  return options;
}

std::string describe(const Margin& margin) {
  const MarginOptions named = named_options(margin);
  std::string text = name_of(*named.name);
  if (named.m1) text += fmt::format(", m1 = {:g}", *named.m1);
  if (named.m2) text += fmt::format(", m2 = {:g}", *named.m2);
  if (named.m3) text += fmt::format(", m3 = {:g}", *named.m3);
  text += fmt::format(", s = {:g}", margin.scale);
  if (margin.detached) text += ", without its derivative";
  if (margin.filter_above < 1) text += fmt::format(", negatives above {:g} left out", margin.filter_above);
  return text;
}

}  // namespace partialfc
