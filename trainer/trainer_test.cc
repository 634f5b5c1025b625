#include "trainer/trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

TEST_F(TrainerTest, WhatCannotBeSharedIsRefused) {
  write_images(draw_classes(kClasses, 2));
  recipe_.train.global_batch = 5;
  recipe_.train.micro_batches = 3;
  EXPECT_THAT(
      message_of([&] { train(recipe_, 2, "run"); }),
      HasSubstr("train.global_batch = 5 cannot be shared by 2 ranks x 3 micro-batches: make it at least 6"));
  EXPECT_FALSE(fs::exists(scratch_ / "run"));
}

}  // namespace
}  // namespace partialfc
