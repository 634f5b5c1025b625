#include "trainer/world_batch.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "partialfc/base/error.h"
#include "partialfc/models/activation_memory.h"

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

int64_t micro_batches_within(int64_t memory, const std::function<int64_t(int64_t images)>& bytes_of,
                             int64_t share) {
  const int64_t most = std::max<int64_t>(1, share / 2);
  const auto sizes = std::views::iota(int64_t{1}, std::max<int64_t>(1, share) + 1);
  const auto fitting = std::ranges::partition_point(sizes, [&](int64_t n) { return bytes_of(n) <= memory; });
  const int64_t at_once = std::max<int64_t>(1, std::ranges::distance(sizes.begin(), fitting));
  return std::min(most, (share + at_once - 1) / at_once);
}

int64_t micro_batches_for(const Graph& backbone, Precision precision, int64_t free, int64_t share) {
  const auto bytes_of = [&](int64_t images) {
    return activation_memory(backbone, images, precision).resident();
  };
  return micro_batches_within(static_cast<int64_t>(0.8 * static_cast<double>(free)), bytes_of, share);
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
