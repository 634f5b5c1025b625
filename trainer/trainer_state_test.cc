// Saving and resuming.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partialfc/checkpoint/center_files.h"
#include "trainer/trainer_fixture.h"
#include "trainer/weights.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

TEST_F(TrainerTest, WhatTwoRanksSavedOneAndThreeResume) {
  write_images(draw_classes(kClasses, 6));
  recipe_.optimizer.name = "adamw";
  recipe_.optimizer.learning_rate = 0.01;
  recipe_.train.steps = 6;
  train(recipe_, 2, "saved");
  const fs::path saved = checkpoint("saved", 6);
  const Manifest manifest = read_manifest(saved);
  EXPECT_EQ(manifest.samples, 6 * 24);
  EXPECT_EQ(manifest.world_size, 2);
  const Centers expected = centers(saved);
  EXPECT_GE(std::ssize(expected), kClasses / 2);
  EXPECT_EQ(expected.begin()->second.size(), 3u * 8);  // w, m and v

  for (const int ranks : {1, 3}) {
    // A run that is at its end takes no step: its checkpoint stays the one it was.
    fs::remove_all(scratch_ / "resumed");
    fs::copy(scratch_ / "saved", scratch_ / "resumed", fs::copy_options::recursive);
    resume(recipe_, ranks, "resumed");
    EXPECT_THAT(told_, HasSubstr("at step 6, sample 144 (saved by 2 ranks)"));
    EXPECT_EQ(read_manifest(checkpoint("resumed", 6)), manifest);

    // The head as loaded.
    run_ranks(ranks, [&](Communicator& world) {
      ThreadTeam team(1);
      PartialFC head({.num_classes = kClasses,
                      .dim = 8,
                      .max_batch = 1,
                      .seed = 3,
                      .optimizer = {.kind = OptimizerOptions::Kind::kAdamW}},
                     world, team);
      read_centers(files_of_centers(saved), head, team);
      EXPECT_EQ(head.updates(), 6);
      const auto positions = head.store().living_positions(head.store().positions());
      std::vector<int64_t> slots(positions.size());
      head.store().locate(positions, slots, team);
      Matrix<float> records(std::ssize(slots), head.store().layout().numbers());
      head.store().read(slots, records.view());
      for (size_t i = 0; i < slots.size(); ++i) {
        const auto& record = expected.at(head.placement().class_at(positions[i]));
        EXPECT_TRUE(std::equal(record.begin(), record.end(), records[i]));
      }
      std::array<int64_t, 1> rows = {std::ssize(slots)};
      world.all_reduce(std::span<int64_t>(rows)).wait();
      EXPECT_EQ(rows[0], std::ssize(expected));
    });

    // And on it goes.
    Recipe longer = recipe_;
    longer.train.steps = 8;
    resume(longer, ranks, "resumed");
    const Manifest last = read_manifest(checkpoint("resumed", 8));
    EXPECT_EQ(last.samples, 8 * 24);
    EXPECT_EQ(last.world_size, ranks);
    EXPECT_EQ(losses("resumed").size(), 8u);
  }
}

TEST_F(TrainerTest, AnotherGlobalBatchIsToldOnResume) {
  write_images(draw_classes(kClasses, 6));
  recipe_.train = {
      .epochs = 1, .global_batch = 0, .batch_per_rank = 24, .precision = "fp32", .seed = 3, .log_every = 1};
  recipe_.optimizer.reference_batch = 48;
  recipe_.checkpoint.every = 4;
  const std::atomic<bool> stop = true;
  train(recipe_, 1, "run", StartMode::kNew, &stop);
  resume(recipe_, 2, "run");
  EXPECT_THAT(
      told_,
      AllOf(HasSubstr("at step 1, sample 24 (saved by 1 rank)"),
            HasSubstr("global batch 48, saved with 24: learning rate 0.1, was 0.05; what the recipe gives "
                      "in steps"),
            HasSubstr("batch 48 on 2 ranks x 1 thread, 6 steps")));  // 216 of 240 images are left
  EXPECT_EQ(read_manifest(checkpoint("run", 6)).samples, 24 + 5 * 48);
  resume(recipe_, 2, "run");
  EXPECT_THAT(told_, testing::Not(HasSubstr("saved with")));
}

// A run of before margins had names: its recipe has all three values, those given and those of then.
TEST_F(TrainerTest, AnotherMarginIsToldOnResume) {
  write_images(draw_classes(kClasses, 2));
  recipe_.head.m2 = {}, recipe_.head.m3 = 0.4;
  recipe_.train.steps = 1;
  train(recipe_, 1, "run");
  EXPECT_THAT(told_, HasSubstr("head: 0.5 of the classes in a step, margin cosface, m3 = 0.4, s = 16\n"));
  const fs::path saved = checkpoint("run", 1);
  Manifest manifest = read_manifest(saved);
  std::string toml = manifest.recipe["toml"];
  const std::string named = "margin = 'cosface'\n", of_then = "m1 = 1.0\nm2 = 0.5\n";
  ASSERT_NE(toml.find(named), std::string::npos);
  toml.replace(toml.find(named), named.size(), of_then);
  manifest.recipe["toml"] = toml;
  write_manifest(saved, manifest);
  recipe_.train.steps = 2;
  EXPECT_EQ(resume(recipe_, 1, "run"), TrainOutcome::kFinished);
  EXPECT_THAT(told_,
              HasSubstr("margin cosface, m3 = 0.4, s = 16, saved with combined, m1 = 1, m2 = 0.5, m3 = "
                        "0.4, s = 16\n"));
  resume(recipe_, 1, "run");
  EXPECT_THAT(told_, testing::Not(HasSubstr("saved with")));
}

// Also where a step is both saved and verified: both need the mean of the statistics, and the mean of seven equal numbers
// may be another number (of three that are a mean of three already it never is).
TEST_F(TrainerTest, AsManyRanksGoOnBitForBit) {
  write_images(draw_classes(kClasses, 6));
  write_verification_pack(scratch_ / "p.bin", draw_pairs(12, kClasses));
  recipe_.verification = {.every = recipe_.checkpoint.every, .packs = {{"p", scratch_ / "p.bin"}}};
  recipe_.backbone.width = 32;  // some hundred statistics
  recipe_.train.steps = 5;
  for (const int ranks : {2, 3, 7}) {
    train(recipe_, ranks, "whole", StartMode::kOverwrite);
    fs::remove_all(scratch_ / "crashed");
    fs::copy(scratch_ / "whole", scratch_ / "crashed", fs::copy_options::recursive);
    fs::remove_all(checkpoint("crashed", 5));  // as if it had ended between steps 4 and 5
    resume(recipe_, ranks, "crashed");
    std::cout << told_;
    EXPECT_THAT(told_, HasSubstr("at step 4, sample 96 "));
    EXPECT_EQ(read_manifest(checkpoint("crashed", 5)).files, read_manifest(checkpoint("whole", 5)).files);
    EXPECT_EQ(losses("crashed"), losses("whole"));
  }
}

// Asked to stop where no save is due, a run saves all the same; that leaves no trace in what it trains.
TEST_F(TrainerTest, AStopBetweenSavesChangesNothing) {
  write_images(draw_classes(kClasses, 6));
  recipe_.backbone.width = 32;  // some hundred statistics
  recipe_.train.steps = 5;
  const std::atomic<bool> stop = true;  // after the first step
  for (const int ranks : {2, 3}) {
    train(recipe_, ranks, "whole", StartMode::kOverwrite);
    EXPECT_EQ(train(recipe_, ranks, "stopped", StartMode::kOverwrite, &stop), TrainOutcome::kStopped);
    EXPECT_EQ(resume(recipe_, ranks, "stopped"), TrainOutcome::kFinished);
    const fs::path stopped = checkpoint("stopped", 5), whole = checkpoint("whole", 5);
    for (const char* file : {kBackboneFile, kOptimizerFile})
      EXPECT_EQ(checksum_of_file(stopped / file), checksum_of_file(whole / file)) << file;
    EXPECT_EQ(centers(stopped), centers(whole));
    EXPECT_EQ(losses("stopped"), losses("whole"));
  }
}

// To look for the newest checkpoint reads all of it: who has done so hands on what was found.
TEST_F(TrainerTest, ACheckpointThatIsKnownIsNotLookedForAgain) {
  write_images(draw_classes(kClasses, 2));
  train(recipe_, 1, "run");
  const fs::path earlier = checkpoint("run", 4);
  const LatestCheckpoint known{.checkpoint = Checkpoint{earlier, read_manifest(earlier)}};
  testing::internal::CaptureStderr();
  run_ranks(1, [&](Communicator& world) {
    Trainer(recipe_, world, {.output = scratch_ / "run", .start = StartMode::kResume, .latest = known});
  });
  EXPECT_THAT(testing::internal::GetCapturedStderr(), HasSubstr("resumed from " + earlier.string()));
}

TEST_F(TrainerTest, ADamagedNewestCheckpointIsPassedOver) {
  write_images(draw_classes(kClasses, 2));
  train(recipe_, 2, "run");
  const fs::path damaged = checkpoint("run", 8) / kBackboneFile;
  std::string bytes = read_text_file(damaged);
  bytes[bytes.size() / 2] ^= 1;
  write_file_atomically(damaged, bytes);
  EXPECT_EQ(resume(recipe_, 2, "run"), TrainOutcome::kFinished);
  EXPECT_THAT(told_, AllOf(HasSubstr("passed over a damaged checkpoint: " + damaged.string()),
                           HasSubstr("resumed from " + checkpoint("run", 4).string())));
  EXPECT_EQ(losses("run").size(), 8u);
  verify_files(checkpoint("run", 8), read_manifest(checkpoint("run", 8)));  // written anew
}

TEST_F(TrainerTest, ResumeRefusesAnotherModelWithBothValues) {
  write_images(draw_classes(kClasses, 2));
  recipe_.train.steps = 1;
  train(recipe_, 1, "run");
  const auto refusal = [&](auto&& change) {
    Recipe changed = recipe_;
    change(changed);
    return message_of([&] { resume(changed, 1, "run"); });
  };
  const std::string where = checkpoint("run", 1).string();
  EXPECT_THAT(refusal([](Recipe& r) { r.data.classes = 50; }),
              HasSubstr(where + ": saved with data.classes = 40, this recipe has 50"));
  EXPECT_THAT(refusal([](Recipe& r) { r.train.seed = 4; }),
              HasSubstr("saved with train.seed = 3, this recipe has 4"));
  EXPECT_THAT(refusal([](Recipe& r) { r.backbone.name = "mobilefacenet"; }),
              HasSubstr("saved with backbone.name = small, this recipe has mobilefacenet"));
  EXPECT_THAT(refusal([](Recipe& r) { r.optimizer.name = "adamw"; }),
              HasSubstr("saved with optimizer.name = sgd, this recipe has adamw"));
  EXPECT_THAT(refusal([](Recipe& r) { r.backbone.width = 6; }),
              HasSubstr("saved with backbone.width = 4, this recipe has 6"));
  EXPECT_THAT(refusal([](Recipe& r) { r.backbone.stages = 1; }),
              HasSubstr("saved with backbone.stages = 2, this recipe has 1"));
  EXPECT_THAT(refusal([](Recipe& r) { r.backbone.depth = 2; }),
              HasSubstr("saved with backbone.depth = 1, this recipe has 2"));
  EXPECT_THAT(refusal([](Recipe& r) { r.backbone.stem_stride = 2; }),
              HasSubstr("saved with backbone.stem_stride = 1, this recipe has 2"));
  EXPECT_EQ(resume(recipe_, 1, "run"), TrainOutcome::kFinished);  // no harm was done
}

TEST_F(TrainerTest, ARunAtItsEndIsNeitherSavedNorVerifiedAgain) {
  write_images(draw_classes(kClasses, 2));
  write_verification_pack(scratch_ / "p.bin", draw_pairs(10, kClasses));
  recipe_.verification.packs = {{"p", scratch_ / "p.bin"}};
  train(recipe_, 1, "run");
  const auto lines = metrics("run");
  const fs::path manifest = checkpoint("run", 8) / kManifestName;
  fs::last_write_time(manifest, fs::file_time_type());
  EXPECT_EQ(resume(recipe_, 1, "run"), TrainOutcome::kFinished);
  EXPECT_EQ(fs::last_write_time(manifest), fs::file_time_type());
  EXPECT_EQ(metrics("run"), lines);
}

TEST_F(TrainerTest, AskedToStopOnOneRankAllSaveAndStop) {
  write_images(draw_classes(kClasses, 2));
  const std::atomic<bool> stop = true;
  EXPECT_EQ(train(recipe_, 2, "run", StartMode::kNew, &stop), TrainOutcome::kStopped);
  EXPECT_EQ(read_manifest(checkpoint("run", 1)).step, 1);
  EXPECT_EQ(read_text_file(scratch_ / "run/latest"), "step-00000001\n");
  EXPECT_EQ(resume(recipe_, 2, "run"), TrainOutcome::kFinished);
  EXPECT_EQ(losses("run").size(), 8u);
}

TEST_F(TrainerTest, KeepsTheNewestCheckpoints) {
  write_images(draw_classes(kClasses, 2));
  recipe_.train.steps = 5;
  recipe_.checkpoint = {.every = 1, .keep = 2};
  train(recipe_, 1, "run");
  for (int64_t step = 1; step <= 5; ++step) EXPECT_EQ(fs::exists(checkpoint("run", step)), step >= 4) << step;
  // The resolved recipe: with it the run can be had again.
  EXPECT_EQ(to_toml(read_recipe(scratch_ / "run/recipe.toml", {})), to_toml(recipe_));
}

}  // namespace
}  // namespace partialfc
