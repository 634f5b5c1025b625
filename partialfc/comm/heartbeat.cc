#include "partialfc/comm/heartbeat.h"

#include <algorithm>

namespace partialfc {

std::vector<int> heartbeat_neighbours(int rank, int size) {
  if (size == 1) return {};
  const int before = (rank + size - 1) % size, after = (rank + 1) % size;
  return before == after ? std::vector{after} : std::vector{before, after};
}

std::chrono::milliseconds Standstill::look(int64_t count, Clock::time_point now) {
  still_ += std::min<Clock::duration>(now - last_look_, kMostALook);
  last_look_ = now;
  if (count != count_) {
    count_ = count;
    still_ = Clock::duration::zero();
  }
  return std::chrono::duration_cast<std::chrono::milliseconds>(still_);
}

}  // namespace partialfc
