// What a field of a recipe may hold: a bool, an Integer, a double, a string, Strings or a StringMap. Limits of numbers are
// inclusive; of strings, the allowed values, "x:N" for x: and a number. What is per_host, and what is a path, may differ between
// the ranks of a run.
#pragma once

#include <concepts>
#include <limits>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace partialfc {

using Strings = std::vector<std::string>;
using StringMap = std::map<std::string, std::string>;
template <class T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;

constexpr double kUnbounded = 1e15;  // counts have this for a limit, which is none

struct Limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices;
  bool is_path = false;
  bool per_host = false;
};

inline Limits one_of(std::vector<std::string> choices) { return {.choices = std::move(choices)}; }

}  // namespace partialfc
