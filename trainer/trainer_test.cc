#include "trainer/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partialfc/base/process_memory.h"
#include "trainer/load_model.h"
#include "trainer/trainer_fixture.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

TEST_F(TrainerTest, MicroBatchesAreOneLargeBatch) {
  write_repeating_images();
  recipe_.train.steps = 3;
  train(recipe_, 1, "large");
  for (const int64_t parts : {3, 4}) {
    recipe_.train.micro_batches = parts;
    train(recipe_, 1, "parts", StartMode::kOverwrite);
    EXPECT_NEAR(losses("parts")[0], losses("large")[0], 1e-5 * losses("large")[0]);
    EXPECT_NEAR(losses("parts")[2], losses("large")[2], 1e-3 * losses("large")[2]);
    expect_near(centers(checkpoint("parts", 3)), centers(checkpoint("large", 3)), 1e-4);
  }
}

TEST_F(TrainerTest, MicroBatchesAreOneWhereMemorySuffices) {
  write_images(draw_classes(kClasses, 2));
  recipe_.train.steps = 1;
  recipe_.train.micro_batches = 0;
  train(recipe_, 2, "run");
  EXPECT_THAT(
      told_,
      AllOf(HasSubstr(" GiB a rank in 1 part, 0.00 GiB of it activations, of "),
            HasSubstr("global batch 24 kept on 2 ranks: 12 a rank in 1 micro-batch, learning rate 0.1 ")));
}

// Centers that would fill the memory there is, of which the run meets a few.
TEST_F(TrainerTest, ANumberOfMicroBatchesThatDoesNotFitIsTold) {
  write_images(draw_classes(kClasses, 2));
  recipe_.train.steps = 1;
  train(recipe_, 1, "fits");
  EXPECT_THAT(told_, Not(HasSubstr("more than there is")));
  recipe_.backbone.embedding = 2048;
  recipe_.data.classes = available_memory() / (recipe_.backbone.embedding * int64_t{sizeof(float)});
  recipe_.head.sample_rate = 1e-4;
  recipe_.train.micro_batches = 2;
  EXPECT_EQ(train(recipe_, 1, "more"), TrainOutcome::kFinished);
  EXPECT_THAT(told_, AllOf(HasSubstr(" GiB a rank in 2 parts, "), HasSubstr("that is more than there is")));
}

TEST_F(TrainerTest, ABatchPerRankIsTheGlobalBatchOfItsProduct) {
  write_repeating_images();
  recipe_.train.steps = 2;
  recipe_.optimizer.learning_rate = 0.3;
  recipe_.optimizer.reference_batch = 36;
  train(recipe_, 2, "kept");
  recipe_.train.global_batch = 0;
  recipe_.train.batch_per_rank = 12;
  train(recipe_, 2, "per_rank");
  EXPECT_THAT(
      told_,
      HasSubstr("batch 12 a rank on 2 ranks: global batch 24, each share in 1 micro-batch, learning rate "
                "0.3 x 24/36 = 0.2\n"));
  EXPECT_EQ(losses("per_rank"), losses("kept"));
  EXPECT_NEAR(metrics("per_rank")[0]["lr"], 0.2, 1e-12);
}

TEST_F(TrainerTest, HowEvenlyTheRanksWereLoadedIsTold) {
  write_images(draw_classes(kClasses, 2));
  recipe_.train.steps = 2;
  train(recipe_, 3, "run");
  EXPECT_THAT(told_, HasSubstr("ranks waited for each other "));
  const nlohmann::json last = metrics("run").back();
  ASSERT_TRUE(last.contains("ranks.wait_least")) << last;
  EXPECT_GE(last["ranks.wait_least"], 0);
  EXPECT_LE(last["ranks.wait_least"], last["ranks.wait_most"]);
  EXPECT_LE(last["ranks.wait_most"], 1);
  EXPECT_LT(last["ranks.slowest"], 3);
  train(recipe_, 1, "alone");
  EXPECT_FALSE(metrics("alone").back().contains("ranks.slowest"));
}

TEST_F(TrainerTest, AnyNumberOfRanksTakesTheSameSteps) {
  write_repeating_images();
  recipe_.train.steps = 5;
  train(recipe_, 1, "alone");
  const auto expected = losses("alone");
  ASSERT_EQ(expected.size(), 5u);
  EXPECT_LT(expected[4], expected[0]);
  for (const int ranks : {2, 3}) {
    train(recipe_, ranks, "shared", StartMode::kOverwrite);
    const auto shared = losses("shared");
    ASSERT_EQ(shared.size(), 5u);
    for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(shared[i], expected[i], 2e-3 * expected[i]) << "step " << i;
    EXPECT_NEAR(shared[0], expected[0], 1e-5 * expected[0]);
    expect_near(centers(checkpoint("shared", 5)), centers(checkpoint("alone", 5)), 1e-3);
  }
}

TEST_F(TrainerTest, ImagesThatCannotBeUsedAreSkippedAndNamed) {
  auto images = draw_classes(kClasses, 6);
  images[17].bytes.resize(images[17].bytes.size() / 2);
  images[100].label = kClasses;
  write_images(images);
  recipe_.train.steps = 0;
  recipe_.train.epochs = 1;
  for (const int ranks : {1, 2}) {
    train(recipe_, ranks, "run", StartMode::kOverwrite);
    const std::string set = recipe_.data.path;
    EXPECT_THAT(told_, AllOf(HasSubstr(set + ", key 17: "),
                             HasSubstr(set + ", key 100: label 40 is outside 0 … 39")));
    if (ranks == 1) {
      EXPECT_THAT(told_,
                  HasSubstr("2 of 240 images skipped: 0 unreadable, 1 with a bad label, 1 undecodable"));
    }
  }
}

TEST_F(TrainerTest, VerifiesOnTheWayAndAtTheEndAndTheSavedModelAgrees) {
  write_images(draw_classes(kClasses, 6));
  const VerificationPack pack = draw_pairs(40, kClasses);
  write_verification_pack(scratch_ / "p.bin", pack);
  recipe_.verification = {.every = 3,
                          .batch = 7,
                          .mirror = false,
                          .packs = {{"p", (scratch_ / "p.bin").lexically_normal().string()}}};
  train(recipe_, 2, "run");
  std::map<int64_t, double> accuracy;
  for (const auto& line : metrics("run"))
    if (line.contains("verification.p.accuracy")) accuracy[line["step"]] = line["verification.p.accuracy"];
  ASSERT_EQ(accuracy.size(), 3u);
  EXPECT_TRUE(accuracy.contains(3) && accuracy.contains(6) && accuracy.contains(8));

  ThreadTeam team(2);
  for (const fs::path& path : {scratch_ / "run", checkpoint("run", 8)}) {
    const LoadedModel model = load_model(path);
    EXPECT_EQ(model.checkpoint, checkpoint("run", 8));
    EXPECT_EQ(to_toml(model.recipe), to_toml(recipe_));
    run_ranks(1, [&](Communicator& world) {
      const auto result =
          verify_pack(*model.network, {.batch = 100, .mirror = false}, team, world, pack, "p");
      EXPECT_NEAR(result.accuracy, accuracy[8], 1e-9);
    });
  }
  EXPECT_THAT(message_of([&] { load_model(scratch_ / "set"); }), HasSubstr("holds no whole checkpoint"));
  EXPECT_THAT(message_of([&] { load_model(scratch_ / "none"); }), HasSubstr("not a folder"));
}

TEST_F(TrainerTest, AskedToStopInTheLastStepItFinishes) {
  write_images(draw_classes(kClasses, 2));
  write_verification_pack(scratch_ / "p.bin", draw_pairs(40, kClasses));
  recipe_.verification.packs = {{"p", scratch_ / "p.bin"}};
  recipe_.train.steps = 1;
  const std::atomic<bool> stop = true;
  EXPECT_EQ(train(recipe_, 1, "run", StartMode::kNew, &stop), TrainOutcome::kFinished);
  EXPECT_TRUE(metrics("run").back().contains("verification.p.accuracy"));
}

TEST_F(TrainerTest, WhatCannotBeSharedIsRefusedAndWhatIsAdvisedCan) {
  write_images(draw_classes(kClasses, 2));
  recipe_.train.steps = 1;
  recipe_.train.micro_batches = 3;
  recipe_.train.global_batch = 11;
  EXPECT_THAT(
      message_of([&] { train(recipe_, 2, "run"); }),
      HasSubstr("train.global_batch = 11 cannot be shared by 2 ranks x 3 micro-batches, 2 images each: "
                "make it at least 12"));
  EXPECT_FALSE(fs::exists(scratch_ / "run"));
  recipe_.train.global_batch = 12;
  EXPECT_EQ(train(recipe_, 2, "run"), TrainOutcome::kFinished);
}

TEST_F(TrainerTest, APackThatCannotBeVerifiedIsRefusedBeforeTraining) {
  write_images(draw_classes(kClasses, 2));
  const fs::path path = scratch_ / "p.bin";
  recipe_.verification = {.every = 0, .packs = {{"p", path}}};
  const auto refusal = [&](const VerificationPack& pack) {
    write_verification_pack(path, pack);
    const std::string message = message_of([&] { train(recipe_, 2, "run"); });
    EXPECT_FALSE(fs::exists(scratch_ / "run"));
    return message;
  };
  EXPECT_THAT(refusal(draw_pairs(9, kClasses)), HasSubstr(path.string() + ": 9 pairs, need at least 10"));
  VerificationPack pack = draw_pairs(10, kClasses);
  pack.same.assign(10, 1);
  EXPECT_THAT(refusal(pack), HasSubstr(path.string() + ": 10 same pairs and 0 different pairs"));
  for (const size_t image : {19, 0}) {  // of the last rank, of the first
    pack = draw_pairs(10, kClasses);
    pack.images[image].resize(30);
    EXPECT_THAT(refusal(pack), HasSubstr(fmt::format("{}: image {}: ", path.string(), image)));
  }
}

// The backbone is made to answer with NaN: the images are fine, so the pack is, and verification fails.
TEST_F(TrainerTest, AFailedVerificationLosesNothing) {
  write_images(draw_classes(kClasses, 2));
  recipe_.train.steps = 2;
  train(recipe_, 1, "run");
  plant(checkpoint("run", 2), "fc.weight", NAN);
  write_verification_pack(scratch_ / "p.bin", draw_pairs(10, kClasses));
  recipe_.verification = {.every = 0, .packs = {{"p", scratch_ / "p.bin"}}};
  recipe_.train.steps = 3;
  EXPECT_THAT(message_of([&] { resume(recipe_, 1, "run"); }), HasSubstr("the model has diverged"));
  EXPECT_EQ(read_text_file(scratch_ / "run/latest"), "step-00000003\n");
  EXPECT_EQ(read_manifest(checkpoint("run", 3)).samples, 3 * 24);
}

TEST_F(TrainerTest, AStepThatIsNotFiniteChangesNothing) {
  write_images(draw_classes(kClasses, 6));
  recipe_.head.sample_rate = 1;  // all centers live from the start
  for (const int ranks : {1, 2})
    for (const int64_t parts : {1, 3}) {
      recipe_.train.micro_batches = parts;
      recipe_.train.steps = 2;
      train(recipe_, ranks, "run", StartMode::kOverwrite);
      const fs::path before = checkpoint("run", 2), after = checkpoint("run", 4);
      plant(before, "fc.weight", NAN);
      recipe_.train.steps = 4;
      resume(recipe_, ranks, "run");
      EXPECT_THAT(told_, HasSubstr("2 steps were not finite and changed nothing"));
      for (const char* file : {kBackboneFile, kOptimizerFile})
        EXPECT_EQ(read_text_file(after / file), read_text_file(before / file)) << file;
      EXPECT_EQ(centers(after), centers(before));
    }
}

// Threads, batches made ahead and what may be kept are a host's own, and count in what a rank forecasts.
TEST_F(TrainerTest, TheRankWithTheLeastRoomDecidesForAll) {
  write_images(draw_classes(kClasses, 6));
  recipe_.data.height = recipe_.data.width = 2048;
  recipe_.train.global_batch = 240;
  recipe_.train.micro_batches = 0;
  Recipe of_last = recipe_;
  of_last.data.prefetch = 1024;  // half a terabyte
  testing::internal::CaptureStderr();
  run_ranks(2, [&](Communicator& world) {
    Trainer(world.rank() == 0 ? recipe_ : of_last, world, {.output = scratch_ / "run"});
  });
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              AllOf(HasSubstr(" in 60 micro-batches"), HasSubstr("that is more than there is")));
}

// Features that are finite, of weights so small and inputs so large that their gradient is not.
TEST_F(TrainerTest, ABackboneGradientThatIsNotFiniteIsTold) {
  write_images(draw_classes(kClasses, 6));
  recipe_.head.sample_rate = 1;
  recipe_.head.scale = 1e4;
  recipe_.train.steps = 2;
  train(recipe_, 1, "run");
  const fs::path before = checkpoint("run", 2), after = checkpoint("run", 4);
  plant(before, "bn2.weight", 1e37f);
  plant(before, "fc.weight", 1e-37f);
  recipe_.train.steps = 4;
  resume(recipe_, 1, "run");
  EXPECT_THAT(told_,
              HasSubstr("2 steps had a gradient of the backbone that was not finite: its weights stayed, "
                        "class centers and BatchNorm's statistics moved\n"));
  EXPECT_THAT(told_, testing::Not(HasSubstr("changed nothing")));
  EXPECT_EQ(read_text_file(after / kOptimizerFile), read_text_file(before / kOptimizerFile));
  EXPECT_NE(read_text_file(after / kBackboneFile), read_text_file(before / kBackboneFile));
  EXPECT_NE(centers(after), centers(before));
}

}  // namespace
}  // namespace partialfc
