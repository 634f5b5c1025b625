#include "trainer/run_folder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "partialfc/base/file.h"
#include "partialfc/base/host_name.h"
#include "partialfc/base/test_support.h"
#include "partialfc/checkpoint/checkpoint_folder.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

std::string refusal(const fs::path& folder, StartMode mode) {
  try {
    prepare_run_folder(folder, mode);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

TEST(RunFolder, ANewRunMakesItsFolder) {
  ScratchFolder scratch;
  prepare_run_folder(scratch / "a/b", StartMode::kNew);
  EXPECT_TRUE(fs::is_directory(scratch / "a/b"));
  prepare_run_folder(scratch / "a/b", StartMode::kNew);  // empty: no run
  EXPECT_THAT(refusal(scratch / "a/b", StartMode::kResume), HasSubstr("holds no run to resume"));
  EXPECT_THAT(refusal(scratch / "none", StartMode::kResume), HasSubstr("holds no run to resume"));
  EXPECT_FALSE(fs::exists(scratch / "none"));
}

TEST(RunFolder, AnyTraceOfARunIsRefusedUnlessSaid) {
  for (const char* trace : {"recipe.toml", "metrics.jsonl", "latest", "step-00000010", ".step-00000010.part",
                            "events.out.tfevents.1.host"}) {
    ScratchFolder scratch;
    write_file_atomically(scratch / trace, "x");
    EXPECT_THAT(refusal(scratch.path(), StartMode::kNew),
                testing::AllOf(HasSubstr(scratch.path().string() + ": holds a run already"),
                               HasSubstr("--resume"), HasSubstr("--overwrite")));
    prepare_run_folder(scratch.path(), StartMode::kResume);
    EXPECT_TRUE(fs::exists(scratch / trace));
    prepare_run_folder(scratch.path(), StartMode::kOverwrite);
    EXPECT_TRUE(fs::exists(scratch / trace));  // until the new run is about to begin
    clear_run_folder(scratch.path());
    EXPECT_FALSE(fs::exists(scratch / trace)) << trace;
  }
}

// launch --max-restarts: the same command again, after a start that came more or less far.
TEST(RunFolder, AStartAfterAFailureKnowsWhatTheLaunchBeganItself) {
  ScratchFolder scratch;
  const auto start_of = [&](const fs::path& folder, const std::string& launch, StartMode asked_for) {
    StartMode mode{};
    run_ranks(2, [&](Communicator& world) {
      const RunStart start = start_after_failure(folder, launch, asked_for, world);
      EXPECT_EQ(start.latest && start.latest->checkpoint, start.mode == StartMode::kResume);
      if (world.rank() == 1) mode = start.mode;
    });
    return mode;
  };
  const auto start = [&](const std::string& launch) {
    return start_of(scratch.path(), launch, StartMode::kNew);
  };
  EXPECT_EQ(start_of(scratch / "none", "a", StartMode::kNew), StartMode::kNew);
  write_file_atomically(scratch / "recipe.toml", "");
  EXPECT_EQ(start("a"), StartMode::kNew);  // another's run, of before there were such files
  write_file_atomically(scratch / kLaunchFile, "a");
  EXPECT_EQ(start(""), StartMode::kNew);
  EXPECT_EQ(start("b"), StartMode::kNew);
  EXPECT_EQ(start("a"), StartMode::kOverwrite);  // it failed before it saved
  CheckpointWriter writer(scratch.path(), 7);
  writer.create();
  write_file_atomically(writer.path_of("data"), "abc");
  Manifest manifest;
  manifest.files = {writer.finish_file("data")};
  writer.commit(manifest, 3);
  EXPECT_EQ(start("a"), StartMode::kResume);
  EXPECT_EQ(start("b"), StartMode::kNew);
  EXPECT_EQ(start_of(scratch.path(), "b", StartMode::kOverwrite), StartMode::kOverwrite);
}

// As under a command line of mpirun that gives an option to one rank alone.
TEST(RunFolder, AllRanksStartAsRankZeroWasAsked) {
  const ScratchFolder scratch;
  run_ranks(3, [&](Communicator& world) {
    const StartMode asked_for = world.rank() == 0 ? StartMode::kResume : StartMode::kNew;
    EXPECT_EQ(start_after_failure(scratch.path(), "a", asked_for, world).mode, StartMode::kResume);
  });
}

TEST(RunFolder, OverwriteRemovesNothingElse) {
  ScratchFolder scratch;
  for (const char* mine : {"notes.txt", "step-by-step.md", "step-", "latest.txt", ".step-x.part", ".hidden"})
    write_file_atomically(scratch / mine, "mine");
  create_folders(scratch / "step-00000010");
  write_file_atomically(scratch / "step-00000010/manifest.json", "{}");
  create_folders(scratch / ".step-00000020.old");
  clear_run_folder(scratch.path());
  std::set<std::string> left;
  for (const auto& entry : fs::directory_iterator(scratch.path())) left.insert(entry.path().filename());
  EXPECT_EQ(left, (std::set<std::string>{"notes.txt", "step-by-step.md", "step-", "latest.txt",
                                         ".step-x.part", ".hidden"}));
}

TEST(RunFolder, AFolderThatCannotBeIsAnError) {
  ScratchFolder scratch;
  write_file_atomically(scratch / "file", "x");
  EXPECT_THAT(message_of([&] { prepare_run_folder(scratch / "file/run", StartMode::kNew); }),
              testing::AllOf(HasSubstr((scratch / "file/run").string()), HasSubstr("Not a directory")));
}

TEST(TruncateMetrics, KeepsWhatIsNotBeyondTheStep) {
  ScratchFolder scratch;
  const fs::path file = scratch / kMetricsFile;
  write_file_atomically(file,
                        "{\"step\":10,\"loss\":1}\n{\"step\":20}\n{\"step\":20,\"verification\":2}\n"
                        "{\"step\":30}\n{\"step\":10}\n{\"step\":20,\"lo");
  truncate_metrics(scratch.path(), 20);
  EXPECT_EQ(read_text_file(file),
            "{\"step\":10,\"loss\":1}\n{\"step\":20}\n{\"step\":20,\"verification\":2}\n{\"step\":10}\n");
  truncate_metrics(scratch.path(), 0);
  EXPECT_EQ(read_text_file(file), "");
  fs::remove(file);
  truncate_metrics(scratch.path(), 0);
  EXPECT_FALSE(fs::exists(file));
}

TEST(RunFolder, IsSharedByAllRanks) {
  ScratchFolder scratch;
  for (const int ranks : {1, 2, 4})
    run_ranks(ranks, [&](Communicator& world) { require_shared_folder(scratch / "", world); });
  EXPECT_TRUE(fs::is_empty(scratch / "")) << "the token is left";
}

TEST(RunFolder, RanksWithAnotherFolderAreNamed) {
  ScratchFolder scratch;
  create_folders(scratch / "a");
  create_folders(scratch / "b");
  std::vector<std::string> messages(3);
  run_ranks(3, [&](Communicator& world) {
    try {
      require_shared_folder(scratch / (world.rank() == 1 ? "b" : "a"), world);
    } catch (const UsageError& error) {
      messages[world.rank()] = error.what();
    }
  });
  const std::string host = host_name();
  EXPECT_THAT(messages,
              testing::Each(fmt::format(
                  "{}, the run's folder of rank 0 (host {}), is not {} of rank 1 (host {}): what rank "
                  "0 writes there is not seen here. Name an --output that all hosts share",
                  (scratch / "a").string(), host, (scratch / "b").string(), host)));
  EXPECT_TRUE(fs::is_empty(scratch / "a"));
}

}  // namespace
}  // namespace partialfc
