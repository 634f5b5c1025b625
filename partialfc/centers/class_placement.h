// Which class lives where.
//
// Class ids go through a fixed permutation to positions 0 … C − 1; positions are cut into B = min(C, 4096) blocks of
// equal size (± 1), and a rank owns a contiguous range of blocks. So loads are even whatever the order of the labels,
// and state is saved by block, never by rank: it can be read back by any number of ranks.
//
// The placement is a function of (C, seed) alone and is stored with the centers.
#pragma once

#include <algorithm>
#include <cstdint>

#include "partialfc/base/parallel.h"
#include "partialfc/base/random.h"

namespace partialfc {

class ClassPlacement {
 public:
  static constexpr int64_t kMaxBlocks = 4096;

  ClassPlacement(int64_t num_classes, uint64_t seed)
      : num_classes_(num_classes),
        num_blocks_(std::min(num_classes, kMaxBlocks)),
        permutation_(num_classes, mix(seed, static_cast<uint64_t>(Purpose::kClassPlacement))) {}

  int64_t num_classes() const { return num_classes_; }
  int64_t num_blocks() const { return num_blocks_; }

  int64_t position_of(int64_t class_id) const { return permutation_(class_id); }
  int64_t class_at(int64_t position) const { return permutation_.inverse(position); }

  // From class ids to positions.
  const RandomPermutation& permutation() const { return permutation_; }

  // Positions of block `block`.
  Range positions_of_block(int64_t block) const { return part_of(num_classes_, num_blocks_, block); }
  // Positions of a contiguous range of blocks.
  Range positions_of_blocks(Range blocks) const {
    return {part_of(num_classes_, num_blocks_, blocks.first).first,
            part_of(num_classes_, num_blocks_, blocks.last).first};
  }
  Range blocks_of_rank(int rank, int world_size) const { return part_of(num_blocks_, world_size, rank); }

 private:
  int64_t num_classes_;
  int64_t num_blocks_;
  RandomPermutation permutation_;
};

}  // namespace partialfc
