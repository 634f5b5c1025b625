// ImageSource::fingerprint(): what it tells apart, and what it does not look at.
#include <gtest/gtest.h>

#include "partialfc/data/image_record.h"
#include "partialfc/data/image_source.h"
#include "partialfc/data/record_io.h"
#include "partialfc/data/test_files.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;

class SourceFingerprint : public testing::Test {
 protected:
  uint64_t of(const std::string& name) const { return open_image_source(folder_ / name)->fingerprint(); }
  void write_file(const std::string& name, const std::string& text) {
    create_folders((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, text);
  }
  void write_records(const std::string& name, const std::vector<std::string>& images) {
    create_folders((folder_ / name).parent_path());
    const std::string stem = (folder_ / name).string();
    RecordWriter writer(stem + ".rec", stem + ".idx");
    for (size_t key = 0; key < images.size(); ++key)
      writer.write(key, build_image_record({.labels = {0}, .image = to_bytes(images[key])}));
    writer.close();
  }
  ScratchFolder folder_;
};

TEST_F(SourceFingerprint, OfFolders) {
  for (const char* root : {"a", "b"})
    for (const char* image : {"/anna/1.jpg", "/anna/2.jpg", "/bob/1.png"})
      write_file(std::string(root) + image, root);
  EXPECT_EQ(of("a"), of("b"));
  fs::rename(folder_ / "b/bob/1.png", folder_ / "b/bob/2.png");
  EXPECT_NE(of("a"), of("b"));
  fs::rename(folder_ / "b/bob/2.png", folder_ / "b/anna/3.png");
  write_file("b/bob/1.png", "");
  EXPECT_NE(of("a"), of("b"));
  fs::remove(folder_ / "b/anna/3.png");
  EXPECT_EQ(of("a"), of("b"));
  fs::rename(folder_ / "b/bob", folder_ / "b/ben");
  EXPECT_NE(of("a"), of("b"));
}

TEST_F(SourceFingerprint, OfLists) {
  write_file("one/a.txt", "x/1.jpg 0\nx/2.jpg 1\n");
  write_file("two/b.txt", "x/1.jpg\t0\n\nx/2.jpg   1\n");
  EXPECT_EQ(of("one/a.txt"), of("two/b.txt"));
  write_file("two/b.txt", "x/1.jpg 0\nx/2.jpg 0\n");
  EXPECT_NE(of("one/a.txt"), of("two/b.txt"));
  write_file("two/b.txt", "x/1.jpg 0\nx/3.jpg 1\n");
  EXPECT_NE(of("one/a.txt"), of("two/b.txt"));
  write_file("two/b.txt", "x/2.jpg 1\nx/1.jpg 0\n");
  EXPECT_NE(of("one/a.txt"), of("two/b.txt"));
}

TEST_F(SourceFingerprint, OfRecordsWithAndWithoutTheirIndex) {
  write_records("one/a", {"abcd", "ef"});
  write_records("two/b", {"wxyz", "uv"});
  EXPECT_EQ(of("one/a.rec"), of("two/b.rec"));
  fs::remove(folder_ / "two/b.idx");
  EXPECT_EQ(of("one/a.rec"), of("two/b.rec"));
  write_records("two/b", {"wxyzwxyz", "uv"});
  EXPECT_NE(of("one/a.rec"), of("two/b.rec"));
  write_records("two/b", {"wxyz", "uvuvuvuv"});  // the last one's length is that of the file
  EXPECT_NE(of("one/a.rec"), of("two/b.rec"));
  write_records("two/b", {"wxyz"});
  EXPECT_NE(of("one/a.rec"), of("two/b.rec"));
}

}  // namespace
}  // namespace partialfc
