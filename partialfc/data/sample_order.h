// The order of training: which sample stands at which position.
//
// A position p counts samples since training began, over all ranks; its epoch is p / size. Each epoch is a permutation
// of its own, a function of (seed, epoch) in O(1) memory: of all samples, or, to read a file forward, of shards and of
// the samples in a window of them (shard_order.h). Positions know no rank and no batch, so that a run may be resumed
// with other numbers of both.
#pragma once

#include <cstdint>
#include <optional>

#include "partialfc/base/parallel.h"
#include "partialfc/data/shard_order.h"

namespace partialfc {

class SampleOrder {
 public:
  // Without `shuffle` the order is 0, 1, 2, … in every epoch, and `shards` mean nothing. size >= 1.
  SampleOrder(int64_t size, uint64_t seed, bool shuffle = true,
              const std::optional<ShardOptions>& shards = std::nullopt);

  int64_t size() const { return size_; }
  int64_t epoch(int64_t position) const { return position / size_; }
  int64_t sample(int64_t position) const;
  // Of an epoch that is shuffled by shards.
  ShardOrder shard_order(int64_t epoch) const;

 private:
  uint64_t key_of(int64_t epoch) const;

  int64_t size_;
  uint64_t seed_;
  bool shuffle_;
  std::optional<ShardOptions> shards_;
};

// Rows of a global batch that belong to `rank`: contiguous, all shares equal ± 1.
inline Range batch_share(int64_t global_batch, int world_size, int rank) {
  return part_of(global_batch, world_size, rank);
}

}  // namespace partialfc
