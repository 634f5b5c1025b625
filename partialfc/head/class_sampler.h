// Which classes take part in a step: the positives of the global batch, and uniformly drawn negatives that fill up each
// block's share of r · C (An et al., "Partial FC: Training 10 Million Identities on a Single Machine", 2021).
//
// A block's share is the cumulative rounding of r · C over the positions, so shares differ by one at most; positives
// beyond a share enlarge the set. What is drawn is a function of (seed, step, block, positives): the same for any number
// of ranks. Cost: O(active), whatever C.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "partialfc/base/parallel.h"
#include "partialfc/centers/class_placement.h"

namespace partialfc {

class ClassSampler {
 public:
  // 0 < sample_rate <= 1; at 1 every class is active in every step.
  ClassSampler(const ClassPlacement& placement, double sample_rate, uint64_t seed);

  // active ← positions of the active classes of `blocks` at `step`, block after block.
  // positives: positions of the batch's classes in these blocks, rising, distinct.
  void sample(int64_t step, Range blocks, std::span<const int64_t> positives, std::vector<int64_t>& active,
              ThreadTeam& team) const;

  bool takes_all() const {
    return total_ == placement_.num_classes();
  }  // whether every class is active in every step
  // How many classes of these positions, a block's, are active at least.
  int64_t share_of(Range positions) const;
  // What a block's draw is keyed by, mixed with the block's number.
  uint64_t key_of_step(int64_t step) const { return mix(seed_, static_cast<uint64_t>(step)); }

 private:
  void fill_block(int64_t step, int64_t block, std::span<const int64_t> positives,
                  std::span<int64_t> active) const;

  ClassPlacement placement_;
  int64_t total_;  // round(r · C), at least 1
  uint64_t seed_;
};

}  // namespace partialfc
