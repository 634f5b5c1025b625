// What starts a run, leaves one alone, stops and resumes it.
#include <signal.h>

#include <thread>

#include "cli/program_fixture.h"
#include "partialfc/checkpoint/checkpoint_folder.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

TEST_F(ProgramTest, AFolderThatHoldsARunIsLeftAloneUnlessToldOtherwise) {
  write_images(draw_classes(6, 4), 6);
  expect_failure(train({"--resume"}), kWrongUsage, {"run: holds no run to resume"});
  expect_done(train());
  const std::string recipe = read_text_file(folder_ / "run/recipe.toml");
  expect_failure(train({"--head.scale=20"}), kWrongUsage,
                 {"run: holds a run already", "--resume", "--overwrite"});
  EXPECT_EQ(read_text_file(folder_ / "run/recipe.toml"), recipe);
  EXPECT_EQ(newest_checkpoint(), "step-00000006\n");

  const ChildResult resumed = train({"--resume", "--train.steps=8"});
  expect_done(resumed);
  EXPECT_THAT(resumed.err, HasSubstr("resumed from run/step-00000006 at step 6, sample 72"));
  EXPECT_EQ(newest_checkpoint(), "step-00000008\n");
  expect_failure(train({"--resume", "--train.seed=9"}), kWrongUsage, {"train.seed = 1, this recipe has 9"});

  expect_done(train({"--overwrite", "--train.steps=2"}));
  EXPECT_EQ(newest_checkpoint(), "step-00000002\n");
  EXPECT_FALSE(fs::exists(folder_ / "run/step-00000008"));
}

TEST_F(ProgramTest, ARecipeInTheRunsFolderIsNotReplaced) {
  write_images(draw_classes(6, 4), 6);
  create_folders(folder_ / "run");
  std::string mine = "# mine\n" + read_text_file(folder_ / "r.toml");
  mine.replace(mine.find("set/"), 4, "../set/");
  write_file_atomically(folder_ / "run/recipe.toml", mine);
  for (const char* start : {"--threads=1", "--overwrite"}) {
    expect_failure(run({"train", "run/recipe.toml", "-o", "./run/", start}), kWrongUsage,
                   {"run/recipe.toml: the run would replace its recipe", "rename or move the recipe"});
    EXPECT_EQ(read_text_file(folder_ / "run/recipe.toml"), mine);
  }
  expect_done(train({"--overwrite"}));  // a run's own recipe it resumes
  expect_done(run({"train", "run/recipe.toml", "-o", "run", "--resume", "--threads=1"}));
}

TEST_F(ProgramTest, ASignalSavesAndStopsAndResumeFinishes) {
  ChildProcess child(command({"train", "r.toml", "-o", "run", "--threads=1", "--data.source=synthetic",
                              "--data.classes=100", "--train.steps=1000000", "--checkpoint.every=0"}),
                     {.folder = folder_.path()});
  const fs::path metrics = folder_ / "run/metrics.jsonl";
  for (int i = 0; i < 3000 && (!fs::exists(metrics) || fs::file_size(metrics) == 0); ++i)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  child.send(SIGTERM);
  const ChildResult stopped = child.wait();
  EXPECT_EQ(stopped.exit_code, kStoppedAfterSaving) << stopped.err;
  const int64_t step = latest_checkpoint(folder_ / "run").checkpoint->manifest.step;
  const ChildResult resumed = train({"--resume", "--data.source=synthetic", "--data.classes=100",
                                     fmt::format("--train.steps={}", step + 2)});
  expect_done(resumed);
  EXPECT_THAT(resumed.err, HasSubstr(fmt::format("at step {}, sample {}", step, 12 * step)));
}

}  // namespace
}  // namespace partialfc
