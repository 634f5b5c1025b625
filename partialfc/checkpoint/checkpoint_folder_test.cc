#include "partialfc/checkpoint/checkpoint_folder.h"

#include <gtest/gtest.h>

#include <barrier>
#include <set>
#include <thread>

#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"
#include "partialfc/checkpoint/test_disk.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;

// Saves a checkpoint of one file as the only rank.
void save(const fs::path& run, int64_t step, int64_t keep, const std::string& contents) {
  CheckpointWriter writer(run, step);
  writer.create();
  write_file(writer.path_of("data"), contents);
  Manifest manifest;
  manifest.samples = step * 512;
  manifest.files = {writer.finish_file("data")};
  writer.commit(manifest, keep);
}

std::set<std::string> names_in(const fs::path& folder) {
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.insert(entry.path().filename());
  return names;
}

int64_t latest_step(const fs::path& run) {
  const LatestCheckpoint latest = latest_checkpoint(run);
  return latest.checkpoint ? latest.checkpoint->manifest.step : -1;
}

using Names = std::set<std::string>;

TEST(CheckpointFolder, SeveralRanksWriteOne) {
  const ScratchFolder run;
  constexpr int kRanks = 4;
  std::barrier barrier(kRanks);
  std::vector<std::string> gathered(kRanks);
  const auto work = [&](int rank) {
    CheckpointWriter writer(run.path(), 7);
    if (rank == 0) writer.create();
    barrier.arrive_and_wait();
    const std::string name = fmt::format("centers-{}", rank);
    write_file(writer.path_of(name), std::string(1000 * rank, static_cast<char>('a' + rank)));
    gathered[rank] = files_to_text({writer.finish_file(name)});
    barrier.arrive_and_wait();
    if (rank != 0) return;
    EXPECT_FALSE(latest_checkpoint(run.path()).checkpoint);  // not whole yet
    Manifest manifest;
    manifest.world_size = kRanks;
    for (const std::string& text : gathered)
      for (const ManifestFile& file : files_from_text(text, "a rank")) manifest.files.push_back(file);
    writer.commit(manifest, 3);
  };
  std::vector<std::thread> ranks;
  for (int rank = 0; rank < kRanks; ++rank) ranks.emplace_back(work, rank);
  for (std::thread& rank : ranks) rank.join();

  const LatestCheckpoint latest = latest_checkpoint(run.path());
  ASSERT_TRUE(latest.checkpoint);
  EXPECT_TRUE(latest.skipped.empty());
  EXPECT_EQ(latest.checkpoint->folder, run / "step-00000007");
  EXPECT_EQ(latest.checkpoint->manifest.step, 7);
  EXPECT_EQ(latest.checkpoint->manifest.world_size, kRanks);
  EXPECT_EQ(latest.checkpoint->manifest.files.size(), size_t{kRanks});
  EXPECT_EQ(read_text_file(run / "step-00000007" / "centers-3"), std::string(3000, 'd'));
  EXPECT_EQ(read_text_file(run / "latest"), "step-00000007\n");
  EXPECT_EQ(names_in(run.path()), (Names{"step-00000007", "latest"}));
}

TEST(CheckpointFolder, TheLastOnesAreKept) {
  const ScratchFolder run;
  write_file_atomically(run / "metrics.jsonl", "{}");
  for (int64_t step = 1; step <= 5; ++step) save(run.path(), step * 100, 2, "x");
  EXPECT_EQ(names_in(run.path()), (Names{"step-00000400", "step-00000500", "latest", "metrics.jsonl"}));
  save(run.path(), 123456789, 1, "x");  // more digits than the name is padded to
  EXPECT_EQ(names_in(run.path()), (Names{"step-123456789", "latest", "metrics.jsonl"}));
  EXPECT_EQ(latest_step(run.path()), 123456789);
}

TEST(CheckpointFolder, ARunThatWentBackRemovesLaterSteps) {
  const ScratchFolder run;
  for (const int64_t step : {100, 200, 300}) save(run.path(), step, 5, "x");
  save(run.path(), 150, 2, "x");
  EXPECT_EQ(names_in(run.path()), (Names{"step-00000100", "step-00000150", "latest"}));
  EXPECT_EQ(read_text_file(run / "latest"), "step-00000150\n");
}

TEST(CheckpointFolder, TheSameStepIsReplaced) {
  const ScratchFolder run;
  save(run.path(), 100, 2, "old");
  save(run.path(), 100, 2, "new");
  EXPECT_EQ(read_text_file(run / "step-00000100" / "data"), "new");
  EXPECT_EQ(names_in(run.path()), (Names{"step-00000100", "latest"}));
  EXPECT_EQ(latest_step(run.path()), 100);
}

TEST(CheckpointFolder, DamagedOnesArePassedOver) {
  const ScratchFolder run;
  for (const int64_t step : {1, 2, 3, 4, 5}) save(run.path(), step, 5, "contents");
  fs::remove(run / "step-00000005" / kManifestName);
  fs::remove(run / "step-00000004" / "data");
  write_file_atomically(run / "step-00000003" / "data", "cOntents");
  for (const char* name :
       {"step-9", "step-", "step-00000009x", "step--0000009", "best", ".step-00000009.part"})
    fs::create_directory(run / name);
  const LatestCheckpoint latest = latest_checkpoint(run.path());
  ASSERT_TRUE(latest.checkpoint);
  EXPECT_EQ(latest.checkpoint->manifest.step, 2);
  ASSERT_EQ(latest.skipped.size(), 3u);
  EXPECT_EQ(latest.skipped[0].find((run / "step-00000005" / kManifestName).string() + ": cannot open"), 0u);
  EXPECT_EQ(latest.skipped[1].find((run / "step-00000004" / "data").string() + ": the file is missing"), 0u);
  EXPECT_EQ(latest.skipped[2].find((run / "step-00000003" / "data").string() + ": checksum"), 0u);
}

TEST(CheckpointFolder, RanksShareTheFilesByTheirBytes) {
  const std::vector<ManifestFile> files = {{"a", 5}, {"b", 1}, {"c", 0}, {"d", 3}, {"e", 3}, {"f", 1}};
  const auto names = [&](int ranks, int rank) {
    std::string names;
    for (const ManifestFile& file : share_of_files(files, ranks, rank)) names += file.name;
    return names;
  };
  EXPECT_EQ(names(1, 0), "adebfc");
  EXPECT_EQ(names(2, 0), "abf");  // 7 bytes
  EXPECT_EQ(names(2, 1), "dec");  // 6 bytes
  EXPECT_EQ(names(3, 0), "a");
  EXPECT_EQ(names(3, 1), "dbc");
  EXPECT_EQ(names(3, 2), "ef");
  EXPECT_EQ(names(9, 8), "");
}

// Whichever rank reads the damaged file: all know.
TEST(CheckpointFolder, RanksFindTheNewestTogether) {
  for (const int ranks : {1, 2, 5}) {
    const ScratchFolder run;
    const auto expect_newest = [&](int64_t step, const std::vector<std::string>& damage) {
      run_ranks(ranks, [&](Communicator& comm) {
        const LatestCheckpoint latest = latest_checkpoint(run.path(), comm);
        EXPECT_EQ(latest.checkpoint ? latest.checkpoint->manifest.step : -1, step);
        ASSERT_EQ(latest.skipped.size(), damage.size());
        for (size_t i = 0; i < damage.size(); ++i)
          EXPECT_EQ(latest.skipped[i].find((run.path() / damage[i]).string()), 0u) << latest.skipped[i];
      });
    };
    expect_newest(-1, {});
    for (const int64_t step : {1, 2, 3, 4, 5}) {
      CheckpointWriter writer(run.path(), step);
      writer.create();
      Manifest manifest;
      for (const char* name : {"0", "1", "2"}) {
        write_file(writer.path_of(name), "contents");
        manifest.files.push_back(writer.finish_file(name));
      }
      writer.commit(manifest, 5);
    }
    expect_newest(5, {});
    fs::remove(run / "step-00000005" / kManifestName);
    for (const char* name : {"step-00000004/0", "step-00000003/1", "step-00000002/2"})
      write_file_atomically(run / name, "cOntents");
    expect_newest(1, {"step-00000005/manifest.json: ", "step-00000004/0: checksum",
                      "step-00000003/1: checksum", "step-00000002/2: checksum"});
  }
}

TEST(CheckpointFolder, NoneIsNoError) {
  const ScratchFolder run;
  const LatestCheckpoint latest = latest_checkpoint(run.path());
  EXPECT_FALSE(latest.checkpoint);
  EXPECT_TRUE(latest.skipped.empty());
  EXPECT_EQ(message_of([&] { latest_checkpoint(run / "none"); }),
            (run / "none").string() + ": cannot list the folder: No such file or directory");
}

TEST(CheckpointFolder, LeftoversOfCrashesAreRemoved) {
  const ScratchFolder run;
  for (const char* name :
       {".step-00000003.part", ".step-00000004.part", ".step-00000001.old", ".stepmother.part"}) {
    fs::create_directory(run / name);
    write_file_atomically(run / name / "data", "left");
  }
  EXPECT_EQ(latest_step(run.path()), -1);
  save(run.path(), 4, 1, "new");
  EXPECT_EQ(names_in(run.path()), (Names{"step-00000004", "latest", ".stepmother.part"}));
  EXPECT_EQ(names_in(run / "step-00000004"), (Names{"data", kManifestName}));
}

TEST(CheckpointFolder, AWriterThatDoesNotCommitLeavesNothing) {
  const ScratchFolder run;
  save(run.path(), 1, 1, "x");
  {
    CheckpointWriter other_rank(run.path(), 2);
    CheckpointWriter writer(run.path(), 2);
    writer.create();
    write_file(other_rank.path_of("centers-1"), "x");
  }
  EXPECT_EQ(names_in(run.path()), (Names{"step-00000001", "latest"}));
}

TEST(CheckpointFolder, AFileThatChangedAfterwardsIsNoticed) {
  const ScratchFolder run;
  CheckpointWriter writer(run.path(), 2);
  EXPECT_THROW(writer.commit({}, 1), InternalError);
  writer.create();
  write_file(writer.path_of("data"), "123");
  Manifest manifest;
  manifest.files = {writer.finish_file("data")};
  write_file(writer.path_of("data"), "1234");
  EXPECT_NE(message_of([&] { writer.commit(manifest, 1); }).find("4 bytes here, 3 where it was written"),
            std::string::npos);
  EXPECT_THROW(writer.commit(manifest, 0), InternalError);
  EXPECT_EQ(latest_step(run.path()), -1);
}

// /dev/shm is a file system of its own: no link can lead there.
TEST(CheckpointFolder, AFileOfAnotherCheckpointIsLinkedOrCopied) {
  const ScratchFolder run;
  save(run.path(), 1, 2, "shared");
  const fs::path elsewhere = fs::path("/dev/shm") / run.path().filename();
  for (const bool linked : {true, false}) {
    const fs::path from = linked ? run / "step-00000001" : elsewhere;
    if (!linked) fs::copy(run / "step-00000001", elsewhere);
    CheckpointWriter writer(run.path(), 2);
    writer.create();
    writer.link_file(from, "data");
    Manifest manifest;
    manifest.files = read_manifest(from).files;
    writer.commit(manifest, 2);
    EXPECT_EQ(fs::hard_link_count(run / "step-00000002/data"), linked ? 2u : 1u);
    EXPECT_EQ(read_text_file(run / "step-00000002/data"), "shared");
    EXPECT_EQ(latest_step(run.path()), 2);
  }
  fs::remove_all(elsewhere);
  CheckpointWriter writer(run.path(), 3);
  writer.create();
  EXPECT_EQ(message_of([&] { writer.link_file(elsewhere, "data"); }),
            (elsewhere / "data").string() + ": cannot link or copy to " + writer.path_of("data").string() +
                ": No such file or directory");
  fs::remove(run / "step-00000001/data");  // what others hold stays
  EXPECT_EQ(read_text_file(run / "step-00000002/data"), "shared");
}

TEST(CheckpointFolder, AFullDiskHarmsNothingSaved) {
  FillableDisk disk;
  save(disk.run(), 1, 1, std::string(300'000, 'a'));
  const auto expect_the_first_is_whole = [&] {
    EXPECT_EQ(names_in(disk.run()), (Names{"step-00000001", "latest"}));
    EXPECT_EQ(latest_step(disk.run()), 1);
    EXPECT_EQ(read_text_file(disk.run() / "latest"), "step-00000001\n");
  };

  // Full while a rank writes its file.
  const std::string message = message_of([&] { save(disk.run(), 2, 1, std::string(1'200'000, 'b')); });
  EXPECT_NE(message.find(".step-00000002.part/data: cannot write: "), std::string::npos) << message;
  expect_the_first_is_whole();

  // Full while rank 0 writes the manifest.
  {
    CheckpointWriter writer(disk.run(), 3);
    writer.create();
    write_file(writer.path_of("data"), "c");
    Manifest manifest;
    manifest.files = {writer.finish_file("data")};
    disk.fill();
    const std::string message = message_of([&] { writer.commit(manifest, 1); });
    EXPECT_NE(message.find(".step-00000003.part/manifest.json.part: cannot write: "), std::string::npos)
        << message;
  }
  expect_the_first_is_whole();

  disk.empty();
  save(disk.run(), 4, 1, std::string(300'000, 'd'));
  EXPECT_EQ(names_in(disk.run()), (Names{"step-00000004", "latest"}));
  EXPECT_EQ(latest_step(disk.run()), 4);
}

}  // namespace
}  // namespace partialfc
