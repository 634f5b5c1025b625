// partialfc cache, and what a run does with the copies.
#include <signal.h>

#include <nlohmann/json.hpp>
#include <thread>

#include "cli/program_fixture.h"
#include "partialfc/data/ram_cache.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

class CacheCommand : public ProgramTest {
 protected:
  CacheCommand() {
    create_folders(folder_ / "ram");
    write_images(draw_classes(20, 6), 20);
  }
  ChildResult cache(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "cache");
    arguments.push_back("--folder=ram");
    return run(arguments);
  }
  nlohmann::json listed() {
    const ChildResult result = cache({"list", "--json"});
    expect_done(result);
    return nlohmann::json::parse(result.out).at("sets");
  }
};

TEST_F(CacheCommand, FillsListsAndDrops) {
  EXPECT_EQ(cache({"list"}).out, "ram: nothing is cached\n");
  const ChildResult filled = cache({"fill", "set"});  // a folder that holds train.rec
  expect_done(filled);
  const std::filesystem::path copy = filled.out.substr(0, filled.out.size() - 1);
  EXPECT_EQ(read_text_file(folder_ / copy), read_text_file(folder_ / "set/train.rec"));
  const auto sets = listed();
  ASSERT_EQ(sets.size(), 1u);
  EXPECT_EQ(sets[0]["source"], std::filesystem::canonical(folder_ / "set/train.rec").string());
  EXPECT_EQ(sets[0]["state"], "kept");
  EXPECT_EQ(sets[0]["outdated"], false);
  EXPECT_THAT(cache({"list"}).out, HasSubstr("kept"));

  const ChildResult trained = train({"--data.cache=ram", "--data.cache_folder=ram"});
  expect_done(trained);
  EXPECT_EQ(trained.err.find("into memory"), std::string::npos) << "it was there";
  EXPECT_EQ(listed().size(), 1u) << "a run removes nothing that a person filled";
  EXPECT_EQ(cache({"drop"}).out, "0 dropped\n");  // nothing was left behind
  EXPECT_EQ(cache({"drop", "set/train"}).out, "1 dropped\n");
  EXPECT_TRUE(listed().empty());
  expect_failure(cache({"drop", "set/train"}), kFailed, {"set/train.rec: is not in the cache of ram"});
}

TEST_F(CacheCommand, DropLeavesWhatIsInUse) {
  expect_done(cache({"fill", "set/train.rec"}));
  {
    const CachedCopy user =
        RamCache(folder_ / "ram").open(folder_ / "set/train.rec", [](uint64_t, uint64_t) {});
    EXPECT_EQ(listed()[0]["state"], "in use");
    expect_failure(cache({"drop", "--all"}), kFailed, {"train.rec: is in use by a run"});
  }
  EXPECT_EQ(cache({"drop", "--all"}).out, "1 dropped\n");
}

TEST_F(CacheCommand, WhatAKilledRunLeavesIsDropped) {
  ChildProcess child(command({"train", "r.toml", "-o", "run", "--threads=1", "--train.steps=1000000",
                              "--data.cache=ram", "--data.cache_folder=ram"}),
                     {.folder = folder_.path()});
  while (!std::filesystem::exists(folder_ / "run/latest"))
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(listed().at(0)["state"], "in use");
  child.send(SIGKILL);
  EXPECT_EQ(child.wait().exit_code, 137);
  EXPECT_EQ(listed().at(0)["state"], "left behind");
  EXPECT_EQ(cache({"drop"}).out, "1 dropped\n");
  EXPECT_TRUE(listed().empty());
}

TEST_F(CacheCommand, WrongUseIsRefused) {
  write_file_atomically(folder_ / "list.txt", "a.png 0\n");
  expect_failure(cache({"fill", "list.txt"}), kWrongUsage,
                 {"list.txt: only a .rec file", "partialfc pack list.txt OUT"});
  expect_failure(cache({"fill", "none.rec"}), kFailed, {"none.rec: cannot open"});
  expect_failure(run({"cache", "list", "--folder=none"}), kFailed, {"none: no such folder"});
  EXPECT_EQ(run({"cache"}).exit_code, kWrongUsage);
  EXPECT_EQ(cache({"drop", "set", "--all"}).exit_code, kWrongUsage);
  expect_failure(train({"--data.source=synthetic", "--data.classes=20", "--data.cache=ram"}), kWrongUsage,
                 {"data.cache = 'ram' copies files"});
  expect_failure(train({"--data.order=shards", "--data.shuffle=false"}), kWrongUsage,
                 {"data.order = 'shards' shuffles"});
}

}  // namespace
}  // namespace partialfc
