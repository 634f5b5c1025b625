#include "partialfc/plan/memory_model.h"

#include <gtest/gtest.h>

#include <map>

#include "partialfc/head/tile_arithmetic.h"
#include "partialfc/models/activation_memory.h"
#include "partialfc/models/backbones.h"

namespace partialfc {
namespace {

constexpr int64_t kDim = 64, kBatch = 48, kClasses = 40'960;

TrainingShape shape() {
  return {.backbone = make_backbone({.name = "small", .input = {1, 16, 16}, .embedding = kDim, .stages = 2}),
          .classes = kClasses,
          .global_batch = kBatch,
          .ranks = 2,
          .threads = 3,
          .batches_ahead = 4};
}

std::map<std::string, int64_t> by_name(const std::vector<MemoryItem>& items) {
  std::map<std::string, int64_t> map;
  for (const auto& [name, bytes] : items) map[name] = bytes;
  return map;
}

TEST(MemoryModel, ItemsOfTheHeadFollowFromTheShape) {
  auto items = by_name(head_memory(shape()));
  const int64_t rows = kClasses / 2;
  EXPECT_EQ(items["centers"], rows * kDim * 4);
  EXPECT_EQ(items["optimizer_state"], rows * kDim * 4);
  EXPECT_EQ(items["slot_table"], rows * 4);
  EXPECT_EQ(items["class_lists"], rows * 52);  // r = 1: all are active
  EXPECT_EQ(items["kept_values"],
            (rows + 3 * 256) * 80 * 4);  // 48 padded to 64 + 16; 80 tiles and one a thread
  EXPECT_EQ(items["partial_sums"], 3 * 64 * 80 * 4);

  TrainingShape other = shape();
  other.head_precision = Precision::kBFloat16;
  other.optimizer.kind = OptimizerOptions::Kind::kAdamW;
  other.sample_rate = 0.5;
  items = by_name(head_memory(other));
  EXPECT_EQ(items["centers"], rows * kDim * 2);
  EXPECT_EQ(items["optimizer_state"], 2 * rows * kDim * 2);
  EXPECT_EQ(items["kept_values"], (rows / 2 + 3 * 256) * 96 * 2);  // 48 padded to 64 + 32
}

TEST(MemoryModel, WhatIsKeptHasItsBudgetAndAFileStoreItsMemory) {
  TrainingShape other = shape();
  other.kept_bytes = 10 * 256 * 80 * 4 + 1;
  EXPECT_EQ(by_name(head_memory(other))["kept_values"], (10 + 3) * 256 * 80 * 4);
  other.store_bytes = 1 << 20;
  const auto items = by_name(head_memory(other));
  EXPECT_EQ(items.at("centers") + items.at("optimizer_state"), 1 << 20);
}

TEST(MemoryModel, ItemsOfARunAreTheHeadsAndTheBackbones) {
  const Machine machine{.program_bytes = 1000, .activation_slack = 0.25};
  const auto items = training_memory(shape(), machine);
  auto named = by_name(items);
  const ActivationMemory activations = activation_memory(shape().backbone, kBatch / 2, Precision::kFloat32);
  EXPECT_EQ(named["activations"], activations.peak + activations.kept / 4);
  EXPECT_EQ(named["backbone_state"], shape().backbone.parameter_count() * 3 * 4);
  EXPECT_EQ(named["batches"], kBatch / 2 * 16 * 16 * (4 + 2));
  EXPECT_EQ(named["program"], 1000);
  const int64_t rows = kClasses / 2, record = 2 * kDim * 4;
  EXPECT_EQ(named["saving"], rows * record + rows * 24);  // 6 pieces of 8 MiB would hold more
  int64_t sum = 0;
  for (const auto& [name, bytes] : named) sum += bytes;
  EXPECT_EQ(total_bytes(items), sum);
}

// With all classes in each step, the first step after a checkpoint began changes every row that is not copied yet.
TEST(MemoryModel, SavingCopiesTheRowsThatChangeMeanwhile) {
  TrainingShape other = shape();
  other.classes = 4096 * 1000;
  other.save_steps = 1000;
  const int64_t rows = other.rank_classes(), records = rows * kDim * 8, pieces = 6 * (8 << 20);
  const int64_t all = by_name(training_memory(other, {}))["saving"];
  EXPECT_EQ(all, records + pieces + rows * 24);
  other.sample_rate = 0.001;  // a tenth or so changes while 1/125 is copied a step
  EXPECT_LT(by_name(training_memory(other, {}))["saving"], all / 4);
  other.save_steps = 0;
  EXPECT_NEAR(by_name(training_memory(other, {}))["saving"], pieces + rows * 24, 1 << 10);
}

// With a step or two to copy in, the first step after a checkpoint began still finds nothing copied.
TEST(MemoryModel, SavingFastStillCopiesWhatTheFirstStepChanges) {
  TrainingShape other = shape();
  other.classes = 4096 * 1000;
  other.save_steps = 1;
  const int64_t rows = other.rank_classes(), records = rows * kDim * 8;
  EXPECT_EQ(by_name(training_memory(other, {}))["saving"], records + records + rows * 24);
}

TEST(MemoryModel, WhatLiesOnAGpuIsNotCounted) {
  TrainingShape other = shape();
  const auto on_cpu = by_name(training_memory(other, {}));
  other.head_on_gpu = true;
  auto items = by_name(training_memory(other, {}));
  for (const char* name :
       {"centers", "optimizer_state", "slot_table", "class_lists", "kept_values", "partial_sums", "features"})
    EXPECT_FALSE(items.contains(name)) << name;
  for (const char* name : {"saving", "activations", "backbone_state", "batches"})
    EXPECT_EQ(items[name], on_cpu.at(name)) << name;
  other.frame_bytes = 1 << 20;  // the rows lie in the host's memory
  items = by_name(training_memory(other, {}));
  for (const char* name : {"centers", "optimizer_state"}) EXPECT_EQ(items[name], on_cpu.at(name)) << name;
  EXPECT_FALSE(items.contains("features"));
}

TEST(MemoryModel, AsFewMicroBatchesAsTheWholeRunAllows) {
  TrainingShape other = shape();
  other.global_batch = 400;  // 200 on a rank
  other.save_steps = 100;
  Machine machine{.program_bytes = 1000, .activation_slack = 0.25};
  const auto total_in = [&](int64_t parts) {
    other.micro_batches = parts;
    return total_bytes(training_memory(other, machine));
  };
  for (const int64_t parts : {1, 2, 5, 40}) {
    machine.memory_bytes = total_in(parts) * 10 / 9 + 10;
    EXPECT_EQ(fewest_micro_batches(other, machine), parts);
    machine.memory_bytes = total_in(parts) * 10 / 9 - 10;
    EXPECT_GT(fewest_micro_batches(other, machine), parts);
  }
  machine.memory_bytes = 1000;  // nothing fits
  EXPECT_EQ(fewest_micro_batches(other, machine), 100);
  // What else a run needs counts: centers, what is kept of E, and a checkpoint while training goes on.
  machine.memory_bytes = total_in(1) * 10 / 9 + 10;
  other.save_steps = 0;
  EXPECT_EQ(fewest_micro_batches(other, machine), 1);
  machine.memory_bytes = total_in(1) * 10 / 9 + 10;
  other.save_steps = 100;
  EXPECT_GT(fewest_micro_batches(other, machine), 1);
}

TEST(MemoryModel, MicroBatchesAndRanksLessenTheActivations) {
  TrainingShape parts = shape();
  parts.micro_batches = 3;
  EXPECT_LT(by_name(training_memory(parts, {}))["activations"],
            by_name(training_memory(shape(), {}))["activations"]);
}

}  // namespace
}  // namespace partialfc
