// A rate of images: what the parts of the input are measured in.
#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "measure/median.h"

namespace partialfc {

struct IoRate {
  double images_per_second = 0;
  double bytes_per_second = 0;  // of encoded images; of the file where it is read forward
};

struct IoCount {
  int64_t images = 0;
  uint64_t bytes = 0;
};

inline IoRate rate_of(const IoCount& count, double seconds) {
  return {static_cast<double>(count.images) / seconds, static_cast<double>(count.bytes) / seconds};
}

inline IoRate median_of(const std::vector<IoRate>& rates) {
  std::vector<double> images, bytes;
  for (const IoRate& rate : rates)
    images.push_back(rate.images_per_second), bytes.push_back(rate.bytes_per_second);
  return {median(images), median(bytes)};
}

using IoClock = std::chrono::steady_clock;

inline double seconds_since(IoClock::time_point began) {
  return std::chrono::duration<double>(IoClock::now() - began).count();
}

}  // namespace partialfc
