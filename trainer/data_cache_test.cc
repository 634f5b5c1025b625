// data.cache and data.order in whole runs: they change where images come from and in which order, and nothing else.
#include "trainer/data_cache.h"

#include <gmock/gmock.h>

#include "trainer/trainer_fixture.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

class DataCache : public TrainerTest {
 protected:
  DataCache() {
    create_folders(scratch_ / "ram");
    write_images(draw_classes(kClasses, 6));
    recipe_.data.cache_folder = (scratch_ / "ram").string();
  }
  std::vector<CachedSet> cached() { return RamCache(recipe_.data.cache_folder).list(); }
};

TEST_F(DataCache, ARunFromMemoryEqualsOneFromTheDiskAndLeavesNothing) {
  train(recipe_, 2, "disk");
  recipe_.data.cache = "ram";
  train(recipe_, 2, "ram-run");
  EXPECT_THAT(told_, HasSubstr("train.rec into memory: 100 %"));
  EXPECT_EQ(told_.find("100 %"), told_.rfind("100 %")) << "copied once";
  EXPECT_EQ(losses("ram-run"), losses("disk"));
  EXPECT_TRUE(cached().empty());
}

TEST_F(DataCache, RanksShareOneCopyWhileTheyRun) {
  run_ranks(3, [&](Communicator& world) {
    const CachedCopy copy = cache_data(recipe_.data.path, recipe_.data.cache_folder, world, nullptr);
    EXPECT_EQ(cached().size(), 1u);
    world.barrier().wait();
  });
  EXPECT_TRUE(cached().empty());
}

TEST_F(DataCache, AStopWhileItIsCopiedEndsTheRunWithItsReason) {
  recipe_.data.cache = "ram";
  const std::atomic<bool> stop = true;
  EXPECT_THAT(message_of([&] { train(recipe_, 1, "run", StartMode::kNew, &stop); }),
              HasSubstr("asked to stop while it was copied"));
  EXPECT_TRUE(cached().empty());
  EXPECT_FALSE(std::filesystem::exists(scratch_ / "run/recipe.toml"));
}

TEST_F(DataCache, OnlyRecordFilesAreCached) {
  recipe_.data.cache = "ram";
  recipe_.data.path = (scratch_ / "list.txt").string();
  write_file_atomically(recipe_.data.path, "a.png 0\n");
  const std::string refusal = message_of([&] { train(recipe_, 2, "run"); });
  EXPECT_THAT(refusal, HasSubstr("list.txt: data.cache = 'ram' keeps a .rec file in memory"));
  EXPECT_THAT(refusal, HasSubstr("partialfc pack"));
}

TEST_F(DataCache, ShardsAreAnOrderOfTheirOwnAndResumeInAWindow) {
  recipe_.data.order = "shards";
  recipe_.data.shard_megabytes = 1;
  recipe_.schedule.policy = "constant";  // whatever the length of the run
  train(recipe_, 1, "full");
  EXPECT_EQ(losses("full").size(), 8u);
  Recipe half = recipe_;
  half.train.steps = 5;  // 120 of 240 images: in the middle of the one window
  train(half, 1, "resumed");
  resume(recipe_, 1, "resumed");
  EXPECT_EQ(losses("resumed"), losses("full"));
  Recipe other = recipe_;
  other.data.order = "full";
  train(other, 1, "other");
  EXPECT_NE(losses("other"), losses("full"));
}

TEST_F(DataCache, ShardsNeedOneFile) {
  recipe_.data.order = "shards";
  recipe_.data.path = (scratch_ / "list.txt").string();
  write_file_atomically(recipe_.data.path, "a.png 0\n");
  EXPECT_THAT(message_of([&] { train(recipe_, 1, "run"); }),
              HasSubstr("a.png: the order \"shards\" reads one file"));
}

}  // namespace
}  // namespace partialfc
