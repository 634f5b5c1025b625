#include "partialfc/head/device_sizes.h"

#include <algorithm>

#include "partialfc/head/device_activation.h"
#include "partialfc/kernels/device_records.h"

namespace partialfc {

DeviceSizes device_sizes(const PartialFCOptions& options, const RankShare& share, int64_t cache_bytes,
                         int64_t tile_classes) {
  const ClassPlacement placement(options.num_classes, options.seed);
  DeviceSizes sizes{.samples = padded_for_device(options.max_batch * share.ranks)};
  sizes.capacity = DeviceActivation::capacity_of(
      placement, share.blocks, ClassSampler(placement, options.sample_rate, options.seed), sizes.samples);
  constexpr int64_t kWhole = 1024;
  if (tile_classes == 0) {
    const int64_t bytes_of_class = (sizes.samples + options.dim) * size_of(options.precision);
    tile_classes = std::max(kWhole, cache_bytes / 2 / bytes_of_class / kWhole * kWhole);
  }
  sizes.tile_classes = std::min(tile_classes, sizes.capacity);
  const int64_t kept = options.kept_bytes / (sizes.samples * size_of(options.precision));
  sizes.kept_classes =
      kept >= sizes.capacity ? sizes.capacity : kept / sizes.tile_classes * sizes.tile_classes;
  return sizes;
}

}  // namespace partialfc
