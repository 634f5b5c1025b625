// The median, by which every measurement here is summed up: it bears a few times that other work has made long.
#pragma once

#include <algorithm>
#include <vector>

namespace partialfc {

// Of one value or more; of an even number of them the mean of the middle two.
inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

}  // namespace partialfc
