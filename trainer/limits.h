// What a recipe's field may be. Limits of numbers are inclusive; of strings, the allowed values.
#pragma once

#include <limits>
#include <string>
#include <vector>

namespace partialfc {

struct Limits {
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
  std::vector<std::string> choices;
  bool is_path = false;
  // Ranks of one run may differ in it, for it is of their host. So they may in paths.
  bool per_host = false;
};

}  // namespace partialfc
