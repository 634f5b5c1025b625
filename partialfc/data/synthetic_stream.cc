#include "partialfc/data/synthetic_stream.h"

#include <cstring>

#include "partialfc/base/error.h"
#include "partialfc/base/random.h"
#include "partialfc/data/sample_order.h"

namespace partialfc {

SyntheticStream::SyntheticStream(const StreamOptions& options, int64_t num_classes)
    : global_batch_(options.global_batch) {
  check_options(options);
  PFC_CHECK(num_classes >= 1, "{} classes", num_classes);
  const Range share = batch_share(options.global_batch, options.world_size, options.rank);
  batch_.position = options.start_position;
  batch_.count = share.size();
  batch_.pixels.reserve(share.size() * options.image_bytes());
  for (int64_t row = share.first; row < share.last; ++row) {
    RandomStream random(options.seed, Purpose::kSyntheticData, row);
    batch_.labels.push_back(random.below(num_classes));
    for (int64_t i = 0; i < options.image_bytes(); ++i)
      batch_.pixels.push_back(static_cast<uint8_t>(random.next_u32() >> 24));
  }
}

void SyntheticStream::next(Batch& batch) {
  batch = batch_;
  batch_.position += global_batch_;
  skipped_.add_seen(batch.count);
}

}  // namespace partialfc
