#include "trainer/world_batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

std::string count(int64_t n, const char* singular, const char* plural) {
  return fmt::format("{} {}", n, n == 1 ? singular : plural);
}

double rate_for(const Recipe::Optimizer& o, int64_t global_batch) {
  if (o.reference_batch == 0) return o.learning_rate;
  return o.learning_rate * static_cast<double>(global_batch) / static_cast<double>(o.reference_batch);
}

std::string describe_rate(const WorldBatch& batch, const Recipe::Optimizer& o) {
  if (o.reference_batch == 0)
    return fmt::format("learning rate {:g} whatever the batch (optimizer.reference_batch = 0)",
                       o.learning_rate);
  return fmt::format("learning rate {:g} x {}/{} = {:g}", o.learning_rate, batch.global, o.reference_batch,
                     batch.learning_rate);
}

}  // namespace

WorldBatch batch_in_world(const Recipe& recipe, int ranks) {
  const Recipe::Train& train = recipe.train;
  const bool per_rank = train.batch_per_rank > 0;
  WorldBatch batch{.ranks = ranks,
                   .global = per_rank ? train.batch_per_rank * ranks : train.global_batch,
                   .micro_batches = std::max<int64_t>(1, train.micro_batches)};
  batch.learning_rate = rate_for(recipe.optimizer, batch.global);
  const int64_t least = 2 * ranks * batch.micro_batches;
  if (batch.global < least)
    fail_usage("{} = {} cannot be shared by {} x {}, 2 images each: make it at least {}",
               per_rank ? "train.batch_per_rank" : "train.global_batch",
               per_rank ? train.batch_per_rank : train.global_batch, count(ranks, "rank", "ranks"),
               count(batch.micro_batches, "micro-batch", "micro-batches"), per_rank ? least / ranks : least);
  return batch;
}

std::string describe(const WorldBatch& batch, const Recipe& recipe) {
  const std::string ranks = count(batch.ranks, "rank", "ranks");
  const std::string parts = count(batch.micro_batches, "micro-batch", "micro-batches");
  if (recipe.train.batch_per_rank > 0)
    return fmt::format("batch {} a rank on {}: global batch {}, {}in {}, {}", recipe.train.batch_per_rank,
                       ranks, batch.global, batch.ranks == 1 ? "" : "each share ", parts,
                       describe_rate(batch, recipe.optimizer));
  const int64_t smallest = batch.global / batch.ranks, largest = batch.largest_share();
  const std::string share =
      smallest == largest ? std::to_string(largest) : fmt::format("{} or {}", smallest, largest);
  return fmt::format("global batch {} kept on {}: {} a rank in {}, {}", batch.global, ranks, share, parts,
                     describe_rate(batch, recipe.optimizer));
}

std::string describe_change(const WorldBatch& batch, const Recipe& recipe, int64_t saved_global_batch) {
  return fmt::format(
      "global batch {}, saved with {}: learning rate {:g}, was {:g}; "
      "what the recipe gives in steps (train.steps, schedule.warmup_steps, schedule.milestones) "
      "stays in steps, epochs count images",
      batch.global, saved_global_batch, batch.learning_rate, rate_for(recipe.optimizer, saved_global_batch));
}

}  // namespace partialfc
