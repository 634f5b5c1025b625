// The unit in which the backbone's gradient is summed over the ranks (gradient_reducer.h).
#pragma once

#include <cstdint>

namespace partialfc {

// 4 MiB of float32: large against a link's latency, small against the whole gradient.
constexpr int64_t kGradientBucketElements = 1 << 20;
constexpr int64_t kGradientBucketBytes = kGradientBucketElements * int64_t{sizeof(float)};

}  // namespace partialfc
