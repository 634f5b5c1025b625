// Wherever output cannot go: one message says what and where, and nothing already saved is lost.
#include "cli/program_fixture.h"
#include "partialfc/base/small_disk.h"
#include "partialfc/checkpoint/checkpoint_folder.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class BadOutput : public ProgramTest {};

TEST_F(BadOutput, AnOutputThatCannotBeWritten) {
  write_images(draw_classes(6, 4), 6);
  write_file_atomically(folder_ / "file", "x");
  expect_failure(run({"train", "r.toml", "-o", "file/run"}), kFailed, {"file/run", "Not a directory"});
  expect_failure(run({"train", "r.toml", "-o", "file"}), kFailed, {"file", "Not a directory"});
  expect_failure(run({"train", "r.toml", "-o", "/proc/run"}), kFailed,
                 {"/proc/run: cannot create the folder"});
  expect_failure(run({"pack", "set", "file/out"}), kFailed, {"file", "Not a directory"});
  EXPECT_EQ(read_text_file(folder_ / "file"), "x");
}

// 2,000 centers of 64 float32 and their momentum are 1 MB a checkpoint. Where no file system can be mounted, the limit
// on the size of a file stands for the full disk.
TEST_F(BadOutput, AFullDiskHarmsNoEarlierCheckpoint) {
  SmallDisk disk(32 << 20);
  if (disk.mounted()) fs::create_directory_symlink(disk.path(), folder_ / "run");
  const std::vector<std::string> more = {"--data.source=synthetic", "--data.classes=2000",
                                         "--backbone.embedding=64", "--train.steps=6"};
  const auto with = [&](const std::string& option) {
    std::vector<std::string> all = more;
    all.push_back(option);
    return all;
  };
  expect_done(train(with("--train.steps=3")));
  constexpr int64_t kRoom = 300 << 10;
  if (disk.mounted()) disk.leave_free(kRoom);
  const ChildResult full = train(with("--resume"), disk.mounted() ? 0 : kRoom);
  expect_failure(full, kFailed,
                 {"run/.step-00000006.part/centers-00000-of-00001.safetensors: cannot write: ",
                  disk.mounted() ? "No space left on device" : "File too large"});
  EXPECT_FALSE(fs::exists(folder_ / "run/.step-00000006.part"));
  EXPECT_EQ(newest_checkpoint(), "step-00000003\n");
  EXPECT_EQ(latest_checkpoint(folder_ / "run").checkpoint->manifest.step, 3);

  if (disk.mounted()) disk.resize(32 << 20);
  const ChildResult resumed = train(with("--resume"));
  expect_done(resumed);
  EXPECT_THAT(resumed.err, HasSubstr("resumed from run/step-00000003 at step 3"));
  EXPECT_EQ(newest_checkpoint(), "step-00000006\n");
}

}  // namespace
}  // namespace partialfc
