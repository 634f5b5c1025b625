#include "partialfc/data/ram_cache.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <thread>

#include "partialfc/base/small_disk.h"
#include "partialfc/data/image_record.h"
#include "partialfc/data/record_source.h"
#include "partialfc/data/test_files.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using State = CachedSet::State;

class Cache : public testing::Test {
 protected:
  Cache() {
    create_folders(folder_ / "disk");
    create_folders(folder_ / "ram");
    write_set("train");
  }
  void write_set(const std::string& name, size_t image_bytes = 5) {
    RecordWriter writer(rec(name), folder_ / ("disk/" + name + ".idx"));
    const std::vector<std::byte> image(image_bytes, std::byte{7});
    for (int key = 0; key < 3; ++key)
      writer.write(key, build_image_record({.labels = {static_cast<float>(key)}, .image = image}));
    writer.close();
    write_file_atomically(folder_ / "disk/property", "9,0,0\n");
  }
  fs::path rec(const std::string& name = "train") const { return folder_ / ("disk/" + name + ".rec"); }
  RamCache cache() const { return RamCache(folder_ / "ram"); }
  // Counts the copies that are made.
  CachedCopy open(const std::string& name = "train") {
    bool is_made = false;
    CachedCopy copy = cache().open(rec(name), [&](uint64_t done, uint64_t total) {
      EXPECT_LE(done, total);
      is_made = is_made || done > 0;
    });
    made_ += is_made ? 1 : 0;
    return copy;
  }
  // As a process that is killed leaves it.
  void leave_behind(const std::string& name = "train") {
    cache().open(rec(name), [](uint64_t, uint64_t) {}).keep();
    const CachedSet set = cache().list().front();
    fs::remove(set.folder / "kept");
  }

  ScratchFolder folder_;
  std::atomic<int> made_ = 0;
};

TEST_F(Cache, ACopyIsTheSetAndGoesWithItsLastUser) {
  fs::path copy;
  {
    const CachedCopy first = open();
    copy = first.rec();
    EXPECT_THAT(copy.string(), HasSubstr((folder_ / "ram").string()));
    EXPECT_EQ(read_text_file(copy), read_text_file(rec()));
    const RecordSource source(copy);
    EXPECT_EQ(source.size(), 3);
    EXPECT_EQ(source.num_classes(), 9);  // of `property`
    {
      const CachedCopy second = open();
      EXPECT_EQ(second.rec(), copy);
    }
    EXPECT_TRUE(fs::exists(copy));
    EXPECT_EQ(cache().list().at(0).state, State::kInUse);
  }
  EXPECT_FALSE(fs::exists(copy));
  EXPECT_TRUE(cache().list().empty());
  EXPECT_EQ(made_, 1);
  struct stat status;
  ASSERT_EQ(::stat(copy.parent_path().parent_path().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(Cache, ManyAtOnceShareOneCopy) {
  for (int round = 0; round < 20; ++round) {
    made_ = 0;
    std::vector<std::thread> users;
    std::atomic<int> there = 0;
    for (int i = 0; i < 6; ++i)
      users.emplace_back([&] {
        const CachedCopy copy = open();
        ++there;
        while (there < 6) std::this_thread::yield();  // nobody leaves before all have come
        EXPECT_EQ(read_text_file(copy.rec()), read_text_file(rec()));
      });
    for (std::thread& user : users) user.join();
    EXPECT_EQ(made_, 1);
    EXPECT_TRUE(cache().list().empty());
  }
}

// Users that come and go at any moment: each finds a whole copy, and nothing is left.
TEST_F(Cache, ComingAndGoingNeverMeetsHalfACopy) {
  std::vector<std::thread> users;
  for (int i = 0; i < 4; ++i)
    users.emplace_back([&] {
      for (int round = 0; round < 30; ++round) EXPECT_EQ(RecordSource(open().rec()).size(), 3);
    });
  for (std::thread& user : users) user.join();
  for (const CachedSet& set : cache().list()) ADD_FAILURE() << set.folder;
}

TEST_F(Cache, WhatAPersonKeepsStaysAndIsUsed) {
  open().keep();
  EXPECT_EQ(cache().list().at(0).state, State::kKept);
  open();
  EXPECT_EQ(made_, 1);
  const CachedSet set = cache().list().at(0);
  EXPECT_EQ(set.state, State::kKept);
  EXPECT_EQ(set.source, fs::canonical(rec()));
  EXPECT_GE(set.bytes, fs::file_size(rec()));
  EXPECT_FALSE(set.outdated);
  {
    const CachedCopy user = open();
    EXPECT_FALSE(cache().drop(set));
  }
  EXPECT_TRUE(cache().drop(set));
  EXPECT_TRUE(cache().drop(set));  // gone already
  EXPECT_TRUE(cache().list().empty());
}

TEST_F(Cache, AChangedSourceIsCopiedAnew) {
  open().keep();
  fs::last_write_time(rec(), fs::last_write_time(rec()) + std::chrono::seconds(1));
  EXPECT_TRUE(cache().list().at(0).outdated);
  open();
  EXPECT_EQ(made_, 2);
  write_file_atomically(folder_ / "disk/property", "10,0,0\n");  // what lies beside it counts too
  EXPECT_EQ(RecordSource(open().rec()).num_classes(), 10);
  EXPECT_EQ(made_, 3);
  fs::remove(rec());
  EXPECT_TRUE(cache().list().at(0).outdated);
  EXPECT_THAT(message_of([&] { open(); }), HasSubstr("train.rec: cannot open"));
}

// As tools that keep data by its checksum leave it: what belongs to the set lies beside the link.
TEST_F(Cache, ALinkIsCopiedWithWhatLiesBesideIt) {
  create_folders(folder_ / "store");
  fs::rename(rec(), folder_ / "store/ab12");
  fs::create_symlink(folder_ / "store/ab12", rec());
  const CachedCopy copy = open();
  EXPECT_EQ(read_text_file(copy.rec()), read_text_file(folder_ / "store/ab12"));
  EXPECT_TRUE(fs::exists(copy.rec().parent_path() / "train.idx"));
  EXPECT_TRUE(fs::exists(copy.rec().parent_path() / "property"));
}

TEST_F(Cache, SetsOfOneNameAreToldApart) {
  create_folders(folder_ / "disk/other");
  fs::copy(rec(), folder_ / "disk/other/train.rec");
  const CachedCopy a = open(), b = cache().open(folder_ / "disk/other/train.rec", [](uint64_t, uint64_t) {});
  EXPECT_NE(a.rec(), b.rec());
}

TEST_F(Cache, WhatAKilledRunLeftIsUsedAgain) {
  leave_behind();
  EXPECT_EQ(cache().list().at(0).state, State::kLeftBehind);
  open();
  EXPECT_EQ(made_, 0);
  EXPECT_TRUE(cache().list().empty());  // its user was the last one
}

TEST_F(Cache, AHalfCopyIsNeverUsed) {
  leave_behind();
  const CachedSet whole = cache().list().at(0);
  fs::rename(whole.folder, whole.folder.string() + ".part");
  fs::resize_file(whole.folder.string() + ".part/train.rec", 4);
  EXPECT_EQ(cache().list().at(0).state, State::kUnfinished);
  const CachedCopy copy = open();
  EXPECT_EQ(made_, 1);
  EXPECT_EQ(read_text_file(copy.rec()), read_text_file(rec()));
  EXPECT_EQ(cache().list().size(), 1u);
}

TEST_F(Cache, GivingUpLeavesNothing) {
  EXPECT_EQ(message_of([&] { cache().open(rec(), [](uint64_t, uint64_t) { fail("stopped"); }); }), "stopped");
  EXPECT_TRUE(cache().list().empty());
  EXPECT_EQ(message_of([&] {
              cache().open(rec(), [&](uint64_t, uint64_t) { fs::resize_file(rec(), 8); });
            }).find("train.rec: ") != std::string::npos,
            true);  // it shrank under way
  EXPECT_TRUE(cache().list().empty());
}

TEST_F(Cache, ASourceThatChangesUnderWayIsRefused) {
  EXPECT_THAT(message_of([&] {
                cache().open(rec(), [&](uint64_t, uint64_t) {
                  fs::last_write_time(rec(), fs::file_time_type::clock::now() + std::chrono::hours(1));
                });
              }),
              HasSubstr("train.rec: was changed while it was copied"));
}

TEST_F(Cache, RoomIsCheckedAndMadeFirst) {
  const SmallDisk disk;  // 1 MiB of memory
  if (!disk.mounted()) GTEST_SKIP() << "may not mount";
  write_set("large", 400'000);
  write_set("small", 200'000);
  RamCache small_cache(disk.path());
  const auto no_progress = [](uint64_t, uint64_t) { ADD_FAILURE() << "began to copy"; };
  EXPECT_THAT(message_of([&] { small_cache.open(rec("large"), no_progress); }),
              AllOf(HasSubstr("large.rec: a copy takes 0.001 GB"), HasSubstr("has room for 0.001 GB"),
                    HasSubstr("remount,size="), HasSubstr("cache list")));
  // What was left behind gives way; what is kept does not.
  write_set("other", 200'000);
  const auto quiet = [](uint64_t, uint64_t) {};
  small_cache.open(rec("small"), quiet).keep();
  EXPECT_THAT(message_of([&] { small_cache.open(rec("other"), quiet); }), HasSubstr("has room for 0.000 GB"));
  fs::remove(small_cache.list().at(0).folder / "kept");
  small_cache.open(rec("other"), quiet).keep();
  ASSERT_EQ(small_cache.list().size(), 1u);
  EXPECT_EQ(small_cache.list()[0].source.filename(), "other.rec");
}

TEST_F(Cache, FoldersThatCannotBeUsedAreRefused) {
  EXPECT_THAT(message_of([&] { RamCache(folder_ / "none"); }), HasSubstr("none: no such folder"));
  const fs::path own = folder_ / "ram" / ("partialfc-" + std::to_string(::geteuid()));
  write_file_atomically(own, "");
  EXPECT_THAT(message_of([&] { cache(); }), HasSubstr("is no folder of this user"));
}

}  // namespace
}  // namespace partialfc
