// The batch of a recipe in the world there is: what a step takes in all, on a rank and at once, and the learning rate
// that goes with it.
//
//     train.global_batch     the batch stays the same on any number of ranks
//     train.batch_per_rank   the batch is this × ranks
//     learning rate          optimizer.learning_rate, × batch / optimizer.reference_batch where that is given
#pragma once

#include <cstdint>
#include <string>

#include "trainer/recipe.h"

namespace partialfc {

struct WorldBatch {
  int ranks = 1;
  int64_t global = 0;         // images of a step, over all ranks
  int64_t micro_batches = 1;  // parts in which a rank's share goes through the backbone
  double learning_rate = 0;   // highest of the schedule

  int64_t largest_share() const { return (global + ranks - 1) / ranks; }  // images of a rank
  int64_t largest_part() const { return (largest_share() + micro_batches - 1) / micro_batches; }
};

// train.micro_batches = 0, "as many as memory asks for", is 1 here. Throws UsageError where a part of a rank's share would
// have less than two images: BatchNorm needs the variance of two rows.
WorldBatch batch_in_world(const Recipe& recipe, int ranks);

// "global batch 1024 kept on 2 ranks: 512 a rank in 4 micro-batches", "batch 128 a rank on 2 ranks: global batch 256,
// learning rate 0.1 x 256/1024 = 0.025"
std::string describe(const WorldBatch& batch, const Recipe& recipe);

// What another batch than the one a run was saved with means for it.
std::string describe_change(const WorldBatch& batch, const Recipe& recipe, int64_t saved_global_batch);

}  // namespace partialfc
