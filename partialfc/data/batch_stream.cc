#include "partialfc/data/batch_stream.h"

#include "partialfc/base/error.h"

namespace partialfc {

void check_options(const StreamOptions& options) {
  const auto [height, width, channels, global_batch, world_size, rank, position, seed] = options;
  if (height < 1 || width < 1 || height > 1 << 14 || width > 1 << 14)
    fail_usage("images of {} × {} pixels: each side must be from 1 to 16384", height, width);
  if (channels != 1 && channels != 3) fail_usage("{} image channels: must be 1 or 3", channels);
  if (global_batch < 1) fail_usage("a global batch of {}: must be 1 or more", global_batch);
  PFC_CHECK(world_size >= 1 && rank >= 0 && rank < world_size, "rank {} of {}", rank, world_size);
  PFC_CHECK(position >= 0, "start position {}", position);
}

}  // namespace partialfc
