#include "partialfc/checkpoint/manifest.h"

#include <gtest/gtest.h>

#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"
#include "partialfc/formats/checksum.h"

namespace partialfc {
namespace {

// A folder with two files, one of them empty, and their manifest.
class ManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    write_file_atomically(folder_ / "a.bin", "contents");
    write_file_atomically(folder_ / "b.bin", "");
    manifest_.step = 12000;
    manifest_.samples = 6144000;
    manifest_.world_size = 8;
    manifest_.seed = UINT64_MAX;
    manifest_.recipe = {{"train", {{"lr", 0.1}, {"steps", {1, 2}}}}};
    manifest_.files = {{"a.bin", 8, checksum_of_file(folder_ / "a.bin")},
                       {"b.bin", 0, checksum_of_file(folder_ / "b.bin")}};
    write_manifest(folder_.path(), manifest_);
  }

  std::string path(const char* name) const { return (folder_ / name).string(); }
  std::string verify() const {
    return message_of([&] { verify_files(folder_.path(), manifest_); });
  }
  // Reads the manifest after one edit of its text.
  std::string read_with(const std::string& before, const std::string& after) const {
    std::string text = read_text_file(folder_ / kManifestName);
    const size_t at = text.find(before);
    EXPECT_NE(at, std::string::npos) << before;
    write_file_atomically(folder_ / kManifestName, text.replace(at, before.size(), after));
    std::string message = message_of([&] { read_manifest(folder_.path()); });
    write_manifest(folder_.path(), manifest_);
    const std::string prefix = path(kManifestName) + ": ";
    return message.starts_with(prefix) ? message.substr(prefix.size()) : message;
  }

  ScratchFolder folder_;
  Manifest manifest_;
};

TEST_F(ManifestTest, WhatIsWrittenIsRead) {
  EXPECT_EQ(read_manifest(folder_.path()), manifest_);
  EXPECT_EQ(verify(), "no error");
  EXPECT_EQ(files_from_text(files_to_text(manifest_.files), "rank 1"), manifest_.files);
  EXPECT_TRUE(files_from_text(files_to_text({}), "rank 1").empty());
}

TEST_F(ManifestTest, TheFileAtFaultIsNamed) {
  write_file_atomically(folder_ / "a.bin", "cOntents");
  EXPECT_EQ(verify(),
            fmt::format("{}: checksum {}, the manifest says {}; its contents are damaged", path("a.bin"),
                        checksum_of_file(folder_ / "a.bin"), manifest_.files[0].xxh3));
  write_file_atomically(folder_ / "a.bin", "content");
  EXPECT_EQ(verify(), path("a.bin") + ": 7 bytes, the manifest says 8; it was cut short or changed");
  write_file_atomically(folder_ / "a.bin", "contents");
  std::filesystem::remove(folder_ / "b.bin");
  EXPECT_EQ(verify(), path("b.bin") + ": the file is missing; the manifest lists it with 0 bytes");
}

TEST_F(ManifestTest, ADamagedManifestSaysWhatIsWrong) {
  EXPECT_EQ(read_with("partialfc checkpoint", "other"),
            "the format is \"other\", need \"partialfc checkpoint\"");
  EXPECT_EQ(read_with("\"version\": 2", "\"version\": 3"),
            "version 3, this program reads 2; use the program that wrote it");
  EXPECT_EQ(read_with("\"step\"", "\"stop\""), "the key \"step\" is missing");
  EXPECT_EQ(read_with("6144000", "-1"), "\"samples\" is -1, not a whole number from 0 to 2^63 - 1");
  EXPECT_EQ(read_with("18446744073709551615", "-5"), "\"seed\" is -5, not a whole number >= 0");
  EXPECT_EQ(read_with("\"world_size\": 8", "\"step\": 8"), "the key \"step\" is there twice");
  EXPECT_EQ(read_with("a.bin", "b.bin"), "the file \"b.bin\" is there twice");
  for (const char* name : {"", ".", "..", "../a.bin", "/etc/passwd", "manifest.json"})
    EXPECT_EQ(read_with("a.bin", name),
              fmt::format("\"{}\" is not the name of a file of a checkpoint", name));
  EXPECT_EQ(read_with("{", "").find("not valid JSON"), 0u);
  std::filesystem::remove(folder_ / kManifestName);
  EXPECT_EQ(message_of([&] { read_manifest(folder_.path()); }),
            path(kManifestName) + ": cannot open: No such file or directory");
}

TEST_F(ManifestTest, NamesAreCheckedWhenWritten) {
  manifest_.files[1].name = "sub/b.bin";
  EXPECT_EQ(message_of([&] { write_manifest(folder_.path(), manifest_); }),
            path(kManifestName) + ": \"sub/b.bin\" is not the name of a file of a checkpoint");
}

}  // namespace
}  // namespace partialfc
