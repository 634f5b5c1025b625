#include "partialfc/data/sample_order.h"

#include "partialfc/base/error.h"
#include "partialfc/base/random.h"

namespace partialfc {

SampleOrder::SampleOrder(int64_t size, uint64_t seed, bool shuffle)
    : size_(size), seed_(seed), shuffle_(shuffle) {
  PFC_CHECK(size >= 1, "size {}", size);
}

int64_t SampleOrder::sample(int64_t position) const {
  const int64_t place = position % size_;
  if (!shuffle_) return place;
  const uint64_t key =
      mix(mix(seed_, static_cast<uint64_t>(Purpose::kDataOrder)), static_cast<uint64_t>(epoch(position)));
  return RandomPermutation(size_, key)(place);
}

}  // namespace partialfc
