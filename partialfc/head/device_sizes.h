// How large a step on a device is at most, which is how large its buffers are. Internal to head/.
#pragma once

#include <cstdint>

#include "partialfc/head/partial_fc_options.h"
#include "partialfc/head/visits.h"

namespace partialfc {

struct DeviceSizes {
  int64_t samples = 0;       // N: rows of all ranks, padded
  int64_t capacity = 0;      // S
  int64_t tile_classes = 0;  // T
  int64_t kept_classes = 0;  // whose E is kept: all, or whole tiles
};

// cache_bytes: of the device's level-2 cache. tile_classes: 0 for as many as half of it holds, centers and products.
DeviceSizes device_sizes(const PartialFCOptions& options, const RankShare& share, int64_t cache_bytes,
                         int64_t tile_classes);

}  // namespace partialfc
