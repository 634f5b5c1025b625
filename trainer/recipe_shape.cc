#include "trainer/recipe_shape.h"

#include <algorithm>

#include "partialfc/base/process_memory.h"
#include "partialfc/data/image_source.h"
#include "partialfc/models/activation_memory.h"
#include "trainer/cpu_features.h"
#include "trainer/world_batch.h"

namespace partialfc {

namespace {

int64_t classes_of(const Recipe& recipe) {
  if (recipe.data.classes > 0 || recipe.data.source == "synthetic") return recipe.data.classes;
  return open_image_source(recipe.data.path)->num_classes();
}

}  // namespace

TrainingShape shape_of(const Recipe& recipe, int ranks, int threads) {
  return shape_of(recipe, classes_of(recipe), ranks, threads);
}

TrainingShape shape_of(const Recipe& recipe, int64_t classes, int ranks, int threads) {
  const WorldBatch batch = batch_in_world(recipe, ranks);
  const int64_t every = recipe.checkpoint.every;
  const bool saves = every > 0 && (recipe.train.steps == 0 || every < recipe.train.steps);
  TrainingShape shape{.backbone = make_backbone(recipe.backbone_options()),
                      .classes = classes,
                      .global_batch = batch.global,
                      .sample_rate = recipe.head.sample_rate,
                      .ranks = ranks,
                      .threads = threads,
                      .micro_batches = batch.micro_batches,
                      .head_precision = precision_of(recipe.head.precision),
                      .backbone_precision = precision_of(recipe.train.precision),
                      .kept_bytes = bytes_of_gib(recipe.head.kept_memory),
                      .batches_ahead = recipe.data.source == "synthetic" ? 0 : recipe.data.prefetch,
                      .save_steps = saves ? steps_to_save(recipe.checkpoint) : 0};
  if (recipe.optimizer.name == "adamw") shape.optimizer.kind = OptimizerOptions::Kind::kAdamW;
  if (recipe.head.store == "file") {
    shape.store_bytes = bytes_of_gib(recipe.head.store_memory);
    shape.store_alignment = ScratchFile::kAssumedAlignment;
  }
  shape.head_on_gpu = recipe.train.device.starts_with("cuda");
  shape.frame_bytes = bytes_of_gib(recipe.head.frame_memory);
  shape.validate();
  return shape;
}

int64_t steps_to_save(const Recipe::Checkpoint& checkpoint) {
  return std::max<int64_t>(1, checkpoint.every / 2);
}

int64_t bytes_of_gib(double gib) { return static_cast<int64_t>(gib * (1 << 30)); }

int64_t memory_for_ranks(int processes) { return available_memory() + processes * own_memory(); }

// libtorch makes kernels and threads in the first step: some 30 MB that are not resident yet. Where this program has not
// loaded it (partialfc plan), it and MPI are counted as they were measured.
int64_t program_memory() {
  return std::max<int64_t>(resident_memory() + 30'000'000, PARTIALFC_PROGRAM_MEGABYTES * 1'000'000);
}

Machine memory_of_rank(int processes, int ranks) {
  return {.memory_bytes = memory_for_ranks(processes) / ranks,
          .program_bytes = program_memory(),
          .activation_slack = kActivationSlack};
}

}  // namespace partialfc
