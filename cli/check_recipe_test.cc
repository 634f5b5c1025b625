// partialfc check on recipes: each thing that is wrong is named, and all of them.
#include <algorithm>

#include "cli/check_fixture.h"
#include "partialfc/base/small_disk.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using Names = std::vector<std::string>;

TEST_F(Check, ARecipeThatCanRun) {
  write_images(draw_classes(10, 4), 10);
  write_verification_pack(folder_ / "p.bin", draw_pairs(6, 10));
  const nlohmann::json all = checked({"r.toml", "--verification.packs.p=p.bin"}, kDone);
  EXPECT_EQ(wrong_names(all), Names{});
  const auto found = [&](const char* name) { return line_of(all, "recipe r.toml", name)["found"]; };
  EXPECT_EQ(found("data"), "40 images in " + set_.string());
  EXPECT_EQ(found("classes"), "10");
  EXPECT_EQ(found("records"), "read: all 40 images");
  EXPECT_EQ(found("labels"), "0 … 9, of all 40 images");
  EXPECT_EQ(found("images"), "40 images decoded: 12 x 12");
  EXPECT_EQ(found("pack p"), "12 images decoded: 12 x 12");
  EXPECT_EQ(found("output"), "runs/r can be written");
  EXPECT_FALSE(fs::exists(folder_ / "runs"));
}

TEST_F(Check, ALabelBeyondTheClassesIsNamed) {
  std::vector<LabelledImage> images = draw_classes(10, 4);
  images[17].label = 10;
  write_images(images, 10);
  const nlohmann::json all = checked({"r.toml"}, kFailed);
  EXPECT_EQ(wrong_names(all), Names{"labels"});
  expect_wrong(
      line_of(all, "recipe", "labels"),
      {"1 of 40 images have a label that no class has", "set/train.rec, key 17: label 10, of 10 classes"},
      "data.classes = 11");
}

TEST_F(Check, FewerClassesInTheRecipeThanInTheData) {
  write_images(draw_classes(10, 4), 10);
  const nlohmann::json all = checked({"r.toml", "--data.classes=9"}, kFailed);
  EXPECT_EQ(wrong_names(all), (Names{"classes", "labels"}));
  expect_wrong(line_of(all, "recipe", "classes"),
               {fmt::format("data.classes = 9, but {} has 10", set_.string())}, "data.classes = 10");
  expect_wrong(line_of(all, "recipe", "labels"), {"4 of 40", "key 36: label 9, of 9 classes"}, "10 or more");
  EXPECT_EQ(line_of(checked({"r.toml", "--data.classes=12"}, kDone), "recipe", "classes")["found"],
            "12, of which the data has 10");
}

TEST_F(Check, ACorruptRecordAndADamagedImageAreNamed) {
  std::vector<LabelledImage> images = draw_classes(10, 4);
  images[5].bytes.resize(images[5].bytes.size() / 2);
  write_images(images, 10);
  // The magic of record 23.
  uint64_t offset = 0;
  for (const IndexEntry& entry : read_record_index(folder_ / "set/train.idx"))
    if (entry.key == 23) offset = entry.offset;
  std::string rec = read_text_file(folder_ / "set/train.rec");
  rec[offset] ^= 1;
  write_file_atomically(folder_ / "set/train.rec", rec);
  const nlohmann::json all = checked({"r.toml"}, kFailed);
  EXPECT_EQ(wrong_names(all), (Names{"records", "images"}));
  expect_wrong(line_of(all, "recipe", "records"),
               {"1 of 40 images cannot be read", "set/train.rec, key 23: "}, "pack the set again");
  expect_wrong(line_of(all, "recipe", "images"), {"1 of 40", "set/train.rec, key 5: "}, "replace these");
}

TEST_F(Check, ADamagedImageAtTheEndOfAManyIsFound) {
  std::vector<LabelledImage> images = draw_classes(10, 100);
  images.back().bytes.resize(20);
  write_images(images, 10);
  const nlohmann::json all = checked({"r.toml"}, kFailed);
  EXPECT_EQ(wrong_names(all), Names{"images"});
  expect_wrong(line_of(all, "recipe", "images"), {"1 of 200", "key 999: "}, "replace these");
}

TEST_F(Check, NoRoomForTheCheckpoints) {
  SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "a small tmpfs needs root";
  write_images(draw_classes(10, 4), 10);
  // 20,000 rows of 8 dimensions, SGD: 64 bytes and 16 of class and order; steps 6, every 3: two saves.
  const std::vector<std::string> words = {"r.toml", "-o", disk.path() / "run", "--data.classes=20000"};
  const nlohmann::json line = line_of(checked(words, kFailed), "recipe", "checkpoints");
  expect_wrong(line, {"2 checkpoints of", disk.path().lexically_normal().string()}, "--output");
  EXPECT_NEAR(line["figures"]["needed"].get<double>(), 2 * (20000 * 80 + 4096 * 16), 2 * 20000);
  EXPECT_LE(line["figures"]["available"].get<double>(), 1 << 20);
  EXPECT_FALSE(fs::exists(disk.path() / "run"));
  checked({"r.toml", "-o", disk.path() / "run"}, kDone);
}

// What is forecast against what a run leaves.
TEST_F(Check, TheForecastOfCheckpointsIsTheirSize) {
  write_images(draw_classes(10, 4), 10);
  const std::vector<std::string> more = {"--checkpoint.every=6", "--data.classes=20000"};
  const nlohmann::json all = checked({"r.toml", more[0], more[1]}, kDone);
  const double needed = line_of(all, "recipe", "checkpoints")["figures"]["needed"];
  expect_done(train(more));
  double bytes = 0;
  for (const fs::directory_entry& file : fs::directory_iterator(folder_ / "run/step-00000006"))
    bytes += static_cast<double>(file.file_size());
  EXPECT_NEAR(needed / bytes, 1, 0.03) << needed << " against " << bytes;
}

TEST_F(Check, TheBatchOfARankCountsStepsAsTheBatchOfAllDoes) {
  write_images(draw_classes(10, 4), 10);
  const auto needed_with = [&](const std::string& global, const std::string& per_rank) {
    const nlohmann::json all =
        checked({"r.toml", "-n", "2", "--train.global_batch=" + global, "--train.batch_per_rank=" + per_rank,
                 "--train.steps=0", "--train.epochs=4", "--head.sample_rate=0.01", "--data.classes=20000",
                 "--checkpoint.every=3"},
                kDone);
    return line_of(all, "recipe", "checkpoints")["figures"]["needed"].get<double>();
  };
  EXPECT_EQ(needed_with("0", "8"), needed_with("16", "0"));
}

TEST_F(Check, ACacheNeedsARecordFile) {
  for (const LabelledImage& image : draw_classes(1, 2)) {
    create_folders(folder_ / "images/a");
    write_file_atomically(folder_ / "images/a/0.png",
                          std::string(reinterpret_cast<const char*>(image.bytes.data()), image.bytes.size()));
  }
  const nlohmann::json all = checked({"r.toml", "--data.path=images", "--data.cache=ram"}, kFailed);
  EXPECT_EQ(std::ranges::count(wrong_names(all), "cache"), 1) << all.dump(1);
}

TEST_F(Check, NoMemoryForSoManyClasses) {
  const nlohmann::json all = checked({"r.toml", "-n", "2", "--data.source=synthetic",
                                      "--data.classes=100000000000", "--backbone.embedding=64"},
                                     kFailed);
  expect_wrong(line_of(all, "recipe", "memory"), {"a rank x 2 here (most of it", "available"}, "head.store");
}

TEST_F(Check, EverythingThatIsWrongIsListed) {
  std::vector<LabelledImage> images = draw_classes(10, 4);
  images[3].label = 99;
  images[4].bytes.resize(9);
  write_images(images, 10);
  write_file_atomically(folder_ / "p.bin", "no pickle");
  write_file_atomically(folder_ / "file", "");
  const std::vector<std::string> words = {"r.toml", "-o", "file/run", "--verification.packs.p=p.bin",
                                          "--verification.packs.q=none.bin"};
  EXPECT_EQ(wrong_names(checked(words, kFailed)), (Names{"labels", "images", "pack p", "pack q", "output"}));
  const ChildResult table = check(words);
  EXPECT_EQ(table.exit_code, kFailed);
  EXPECT_THAT(table.out, AllOf(HasSubstr("\n  [!] labels "), HasSubstr("→ set data.classes = 100"),
                               HasSubstr("\n5 lines with [!]: wrong\n")));
}

TEST_F(Check, ARecipeOrDataThatIsNotThere) {
  EXPECT_EQ(wrong_names(checked({"none.toml"}, kFailed)), Names{"recipe"});
  const nlohmann::json all = checked({"r.toml"}, kFailed);
  EXPECT_EQ(wrong_names(all), Names{"data"});
  EXPECT_EQ(line_of(all, "recipe", "output")["status"], "ok");
  expect_wrong(line_of(checked({"r.toml", "--train.stepps=3"}, kFailed), "recipe", "recipe"),
               {"train.stepps", "train.steps"}, "");
}

TEST_F(Check, MoreRanksThanClasses) {
  write_images(draw_classes(3, 4), 3);
  const nlohmann::json all = checked({"r.toml", "--num-proc=4"}, kFailed);
  EXPECT_EQ(wrong_names(all), Names{"ranks"});
  expect_wrong(line_of(all, "recipe", "ranks"), {"4 ranks", "3 classes"}, "");
}

}  // namespace
}  // namespace partialfc
