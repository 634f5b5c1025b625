// Whatever input is damaged or missing: one message says what and where, and nothing already saved is lost.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/program_fixture.h"
#include "partialfc/checkpoint/checkpoint_folder.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::StartsWith;

class BadInput : public ProgramTest {
 protected:
  fs::path rec() const { return folder_ / "set/train.rec"; }
  fs::path idx() const { return folder_ / "set/train.idx"; }
  void write(const fs::path& name, const std::string& text) { write_file_atomically(folder_ / name, text); }
};

TEST_F(BadInput, WhatIsMissingIsNamed) {
  expect_failure(run({"train", "none.toml"}), kFailed, {"none.toml: cannot open: No such file or directory"});
  expect_failure(train({"--data.path=none"}), kFailed, {"none: no images there"});
  expect_failure(run({"verify", "--model=none", "--pack=none.bin"}), kFailed, {"none.bin: cannot open"});
  write_images(draw_classes(2, 6), 2);
  expect_failure(run({"embed", "--model=none", "set", "e"}), kFailed, {"none: not a folder"});
  expect_failure(train({"--verification.packs.p=none.bin"}), kFailed, {"none.bin: cannot open"});
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(BadInput, ARecipeWithATypo) {
  write("r.toml", read_text_file(folder_ / "r.toml") + "evrey = 3\n");
  expect_failure(train(), kWrongUsage,
                 {"r.toml:21: unknown key 'checkpoint.evrey'; did you mean 'checkpoint.every'?"});
}

TEST_F(BadInput, AHeartbeatThatIsTooShort) {
  for (const char* heartbeat : {"0.5", "0.0001"})
    expect_failure(train({fmt::format("--heartbeat={}", heartbeat)}), kWrongUsage,
                   {"heartbeat ", " ms: must be at least 1000, or 0 for none"});
}

TEST_F(BadInput, AnEmptyRec) {
  write("set/train.rec", "");
  expect_failure(train(), kFailed, {"set/train.rec: holds no records"});
  write("set/train.idx", "");
  expect_failure(train(), kFailed, {"set/train.rec: holds no records"});
  write("set/train.idx", "0\t0\n");
  expect_failure(train(), kFailed, {"train.idx: key 0 is at offset 0", "has 0 bytes"});
}

TEST_F(BadInput, ARecThatIsCutShort) {
  write_images(draw_classes(6, 4), 6);
  fs::resize_file(rec(), fs::file_size(rec()) / 2 + 6);
  expect_failure(train(), kFailed, {"train.idx: key 1", "is at offset", "train.rec has", "cut short"});
  fs::remove(idx());
  expect_failure(train(), kFailed, {"train.rec: the record at offset", "it is cut short"});
}

TEST_F(BadInput, AnIndexThatPointsPastTheEnd) {
  write_images(draw_classes(6, 4), 6);
  write("set/train.idx", read_text_file(idx()) + "99\t123456789\n");
  expect_failure(train(), kFailed, {"train.idx: key 99 is at offset 123456789", "train.rec has"});
  write("set/train.idx", "0\t0\none\t2\n");
  expect_failure(train(), kFailed, {"train.idx, line 2: \"one\t2\""});
}

// One record of each kind of damage among 240: named and skipped.
TEST_F(BadInput, DamagedRecordsAreSkippedAndNamed) {
  auto images = draw_classes(40, 6);
  images[30].label = 40;
  Image photo = decode_image(images[40].bytes, 3);
  images[40].bytes = encode_jpeg(photo, 90);
  images[40].bytes.resize(images[40].bytes.size() / 2);
  write_images(images, 40);
  std::string bytes = read_text_file(rec());
  const auto entries = read_record_index(idx());
  bytes[entries[20].offset] ^= 1;  // the magic
  write("set/train.rec", bytes);

  const ChildResult result = train({"--train.steps=20"});
  expect_done(result);
  EXPECT_THAT(
      result.err,
      AllOf(HasSubstr("3 of 240 images skipped: 1 unreadable, 1 with a bad label, 1 undecodable"),
            HasSubstr("train.rec, key 20: "), HasSubstr("found 0xced7230b in place of the magic"),
            HasSubstr("train.rec, key 30: label 40 is outside 0 … 39"), HasSubstr("train.rec, key 40: ")));
}

TEST_F(BadInput, TooManyBadRecordsEndTheRun) {
  auto images = draw_classes(40, 6);
  for (size_t i = 0; i < 120; ++i) images[i].label = 40;
  write_images(images, 40);
  const ChildResult refused = train({"--train.steps=20", "--data.max_skipped=0.1", "--trace=trace.json"});
  expect_failure(refused, kFailed,
                 {"images skipped", "label 40 is outside", "more than 100 or 10 % are refused"});
  // What was recorded until then is kept.
  EXPECT_THAT(refused.err, HasSubstr("what rank 0 recorded before the error is in trace.json\n"));
  std::set<std::string> spans;
  for (const auto& event : nlohmann::json::parse(read_text_file(folder_ / "trace.json")))
    spans.insert(event["name"]);
  EXPECT_TRUE(spans.contains("step") && spans.contains("head.forward"));
  expect_done(train({"--train.steps=20", "--data.max_skipped=0.9", "--overwrite"}));
}

TEST_F(BadInput, FewerClassesThanLabels) {
  write_images(draw_classes(6, 4), 6);
  const ChildResult result = train({"--data.classes=5", "--train.steps=2"});
  expect_done(result);
  EXPECT_THAT(result.err, HasSubstr("4 of 24 images skipped: 0 unreadable, 4 with a bad label"));
}

TEST_F(BadInput, APickleThatCallsAFunctionIsRefusedAndNotRun) {
  write("evil.bin", "cos\nsystem\n(S'touch " + (folder_ / "ran").string() + "'\ntR.");
  write_images(draw_classes(6, 4), 6);
  expect_failure(run({"verify", "--model=run", "--pack=evil.bin"}), kFailed,
                 {"evil.bin", "refuses os.system"});
  expect_failure(train({"--verification.packs.e=evil.bin"}), kFailed, {"evil.bin", "refuses os.system"});
  EXPECT_FALSE(fs::exists(folder_ / "ran"));
  EXPECT_FALSE(fs::exists(folder_ / "run"));
}

TEST_F(BadInput, APackWithADamagedImage) {
  write_images(draw_classes(6, 4), 6);
  expect_done(train());
  VerificationPack pack = draw_pairs(10, 6);
  pack.images[5].resize(30);
  write_verification_pack(folder_ / "p.bin", pack);
  expect_failure(run({"verify", "--model=run", "--pack=p.bin"}), kFailed, {"p: image 5: "});
  expect_failure(run({"verify", "--model=run", "--pack=p.bin", "--pack=set/p.bin"}), kWrongUsage,
                 {"--pack p.bin and --pack set/p.bin have one name, 'p'"});
}

TEST_F(BadInput, ADamagedImageIsNamedByEmbed) {
  auto images = draw_classes(2, 6);
  write_images(images, 2);
  expect_done(train());
  images[3].bytes.resize(40);
  write_images(images, 2);
  expect_failure(run({"embed", "--model=run", "set", "e"}), kFailed, {"set/train.rec, key 3: "});
}

TEST_F(BadInput, ADamagedBackboneIsNotUsedAndCentersAreNotNeeded) {
  write_images(draw_classes(6, 4), 6);
  expect_done(train());  // saves steps 3 and 6
  for (const char* step : {"step-00000003", "step-00000006"})
    for (const auto& file : fs::directory_iterator(folder_ / "run" / step))
      if (file.path().filename().string().starts_with("centers")) fs::remove(file);
  expect_done(run({"embed", "--model=run/step-00000006", "set", "whole"}));
  expect_done(run({"embed", "--model=run", "set", "newest"}));
  EXPECT_EQ(read_text_file(folder_ / "newest.npy"), read_text_file(folder_ / "whole.npy"));

  std::string bytes = read_text_file(folder_ / "run/step-00000006/backbone.safetensors");
  bytes.back() ^= 1;
  write("run/step-00000006/backbone.safetensors", bytes);
  expect_failure(run({"embed", "--model=run/step-00000006", "set", "e"}), kFailed,
                 {"run/step-00000006/backbone.safetensors: checksum", "its contents are damaged"});
  EXPECT_FALSE(fs::exists(folder_ / "e.npy"));
  expect_done(run({"embed", "--model=run/step-00000003", "set", "before"}));
  const ChildResult fallen_back = run({"embed", "--model=run", "set", "newest"});
  expect_done(fallen_back);
  const std::string notice =
      "uses run/step-00000003; passed over: run/step-00000006/backbone.safetensors: checksum";
  EXPECT_THAT(fallen_back.err, HasSubstr(notice));
  EXPECT_EQ(read_text_file(folder_ / "newest.npy"), read_text_file(folder_ / "before.npy"));
  write_verification_pack(folder_ / "p.bin", draw_pairs(10, 6));
  const ChildResult verified = run({"verify", "--model=run", "--pack=p.bin"});
  expect_done(verified);
  EXPECT_THAT(verified.err, StartsWith(notice));
  EXPECT_EQ(std::ranges::count(verified.err, '\n'), 1);
  EXPECT_EQ(run({"verify", "--model=run/step-00000003", "--pack=p.bin"}).err, "");

  fs::remove(folder_ / "run/step-00000003/backbone.safetensors");
  expect_failure(run({"embed", "--model=run", "set", "e"}), kFailed,
                 {"run: holds no whole checkpoint: ", "step-00000006/backbone.safetensors"});
}

// More centers than a rank's table has slots for, and labels that are no class numbers.
TEST_F(BadInput, AbsurdNumbersOfClasses) {
  expect_failure(train({"--data.source=synthetic", "--data.classes=10000000000"}), kWrongUsage,
                 {"10000000000 classes on one rank", "start more ranks"});
  write("set/faces.txt", "a.png 20240131235959\n");
  expect_failure(train({"--data.path=set/faces.txt"}), kWrongUsage,
                 {"set/faces.txt, line 1: label 20240131235959 makes 20240131235960 classes"});
}

}  // namespace
}  // namespace partialfc
