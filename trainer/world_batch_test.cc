#include "trainer/world_batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

Recipe kept(int64_t global_batch, int64_t micro_batches) {
  Recipe recipe;
  recipe.train.global_batch = global_batch;
  recipe.train.micro_batches = micro_batches;
  return recipe;
}

Recipe per_rank(int64_t batch) {
  Recipe recipe;
  recipe.train.global_batch = 0;
  recipe.train.batch_per_rank = batch;
  recipe.optimizer.learning_rate = 0.1;
  recipe.optimizer.reference_batch = 1024;
  return recipe;
}

TEST(WorldBatch, TheGlobalBatchStaysWhateverTheRanks) {
  Recipe recipe = kept(1024, 4);
  for (const int ranks : {1, 2, 3}) {
    const WorldBatch batch = batch_in_world(recipe, ranks);
    EXPECT_EQ(batch.global, 1024);
    EXPECT_EQ(batch.learning_rate, 0.1);
  }
  EXPECT_EQ(describe(batch_in_world(recipe, 2), recipe),
            "global batch 1024 kept on 2 ranks: 512 a rank in 4 micro-batches, learning rate 0.1 whatever "
            "the batch "
            "(optimizer.reference_batch = 0)");
  EXPECT_THAT(describe(batch_in_world(recipe, 3), recipe), HasSubstr("3 ranks: 341 or 342 a rank in 4"));
  EXPECT_EQ(batch_in_world(recipe, 3).largest_share(), 342);
}

TEST(WorldBatch, ABatchPerRankScalesTheRate) {
  const Recipe recipe = per_rank(128);
  const WorldBatch batch = batch_in_world(recipe, 2);
  EXPECT_EQ(batch.global, 256);
  EXPECT_DOUBLE_EQ(batch.learning_rate, 0.025);
  EXPECT_EQ(describe(batch, recipe),
            "batch 128 a rank on 2 ranks: global batch 256, each share in 1 micro-batch, learning rate 0.1 x "
            "256/1024 = "
            "0.025");
  EXPECT_EQ(
      describe_change(batch, recipe, 128),
      "global batch 256, saved with 128: learning rate 0.025, was 0.0125; what the recipe gives in steps "
      "(train.steps, schedule.warmup_steps, schedule.milestones) stays in steps, epochs count images");
}

TEST(WorldBatch, EveryMicroBatchHasTwoImages) {
  EXPECT_EQ(message_of([] { batch_in_world(kept(11, 3), 2); }),
            "train.global_batch = 11 cannot be shared by 2 ranks x 3 micro-batches, 2 images each: make it "
            "at least 12");
  EXPECT_EQ(batch_in_world(kept(12, 3), 2).micro_batches, 3);
  EXPECT_EQ(message_of([] { batch_in_world(per_rank(1), 8); }),
            "train.batch_per_rank = 1 cannot be shared by 8 ranks x 1 micro-batch, 2 images each: make it at "
            "least 2");
}

TEST(WorldBatch, AutomaticMicroBatchesAreOneUntilMemoryIsKnown) {
  EXPECT_EQ(batch_in_world(kept(64, 0), 1).micro_batches, 1);
}

}  // namespace
}  // namespace partialfc
