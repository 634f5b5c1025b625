#include "partialfc/data/sample_order.h"

#include "partialfc/base/error.h"
#include "partialfc/base/random.h"

namespace partialfc {

SampleOrder::SampleOrder(int64_t size, uint64_t seed, bool shuffle, const std::optional<ShardOptions>& shards)
    : size_(size), seed_(seed), shuffle_(shuffle), shards_(shards) {
  PFC_CHECK(size >= 1, "size {}", size);
}

int64_t SampleOrder::sample(int64_t position) const {
  const int64_t place = position % size_;
  if (!shuffle_) return place;
  if (shards_) return shard_order(epoch(position)).sample(place);
  return RandomPermutation(size_, key_of(epoch(position)))(place);
}

ShardOrder SampleOrder::shard_order(int64_t epoch) const {
  PFC_CHECK(shuffle_ && shards_);
  return {size_, *shards_, key_of(epoch)};
}

uint64_t SampleOrder::key_of(int64_t epoch) const {
  return mix(mix(seed_, static_cast<uint64_t>(Purpose::kDataOrder)), static_cast<uint64_t>(epoch));
}

}  // namespace partialfc
