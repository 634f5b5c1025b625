// The order of an epoch that reads its file forward, in large pieces.
//
//   shard s      the samples s·m … min(n, (s + 1)·m) − 1, which lie in the file one behind the other
//   window v     some neighbours, W at most, in a shuffled order P of all shards: P(first) … P(last − 1)
//   the epoch    window after window; within one, its samples in an order of their own
//
// Every sample stands at exactly one place. Who holds two windows in memory, the one in use and the next, reads every
// shard once, whole. A function of (size, options, key) in O(1) memory.
#pragma once

#include <cstdint>
#include <vector>

#include "partialfc/base/parallel.h"
#include "partialfc/base/random.h"

namespace partialfc {

struct ShardOptions {
  int64_t shard_samples = 1;   // m: 1 or more
  int64_t window_shards = 16;  // W: 1 or more
};

class ShardOrder {
 public:
  // size >= 1 samples.
  ShardOrder(int64_t size, const ShardOptions& options, uint64_t key);

  // The sample at `place` 0 … size − 1.
  int64_t sample(int64_t place) const;

  int64_t windows() const { return windows_; }
  int64_t window_of(int64_t place) const;
  // The samples of each shard of a window.
  std::vector<Range> shards_of(int64_t window) const;

 private:
  Range shard_places(int64_t window) const { return part_of(shards_, windows_, window); }
  int64_t first_place(int64_t window) const;
  int64_t slot_of(int64_t place) const;

  const int64_t size_, shard_samples_;
  const int64_t shards_, windows_;
  const uint64_t key_;
  const RandomPermutation shard_at_;  // P
  const int64_t missing_;             // samples that the last shard has fewer than the others
  const int64_t short_shard_place_;   // where P has that one
  const int64_t short_window_;        // and the window that this is in
};

}  // namespace partialfc
