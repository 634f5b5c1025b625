#include "partialfc/data/pack_images.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partialfc/data/folder_source.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/list_source.h"
#include "partialfc/data/record_index.h"
#include "partialfc/data/record_source.h"
#include "partialfc/data/test_files.h"

namespace partialfc {
namespace {

class PackImages : public testing::Test {
 protected:
  // 10 classes of 30 images of 6 × 8 gray, each of one value.
  void SetUp() override {
    for (int i = 0; i < 300; ++i)
      write(fmt::format("in/class{}/{:03}.png", i % 10, i),
            encode_png(Image(6, 8, 1, static_cast<uint8_t>(i % 256))));
  }
  void write(const std::string& name, const std::vector<std::byte>& bytes) {
    create_folders((folder_ / name).parent_path());
    OutputFile file(folder_ / name);
    file.write(bytes);
    file.close();
  }
  FolderSource source() { return FolderSource(folder_ / "in"); }
  ScratchFolder folder_;
};

TEST_F(PackImages, TheSetHoldsTheSameImagesWhateverTheThreads) {
  std::string bytes;
  for (int threads : {1, 3}) {
    std::vector<int64_t> done;
    const SkipReport report = pack_images(source(), folder_ / "out/train", {.threads = threads},
                                          [&](int64_t images, int64_t total) {
                                            EXPECT_EQ(total, 300);
                                            done.push_back(images);
                                          });
    EXPECT_EQ(report.skipped(), 0);
    EXPECT_TRUE(std::is_sorted(done.begin(), done.end()));
    EXPECT_EQ(done.back(), 300);
    const std::string now = read_text_file(folder_ / "out/train.rec");
    if (!bytes.empty()) {
      EXPECT_EQ(now, bytes);
    }
    bytes = now;
  }
  const auto packed = open_image_source(folder_ / "out");
  const FolderSource original = source();
  ASSERT_EQ(packed->size(), 300);
  EXPECT_EQ(packed->num_classes(), 10);
  EXPECT_EQ(packed->class_name(7), "class7");
  EXPECT_EQ(read_text_file(folder_ / "out/property"), "10,6,8\n");
  for (int64_t i = 0; i < 300; ++i) {
    EXPECT_EQ(packed->read(i).bytes, original.read(i).bytes);  // kept as they are
    EXPECT_EQ(packed->read(i).label, original.read(i).label);
  }
}

TEST_F(PackImages, ImagesAreResizedAndEncodedAnew) {
  write("in/class0/extra.jpg", encode_jpeg(Image(40, 20, 3, 90), 90));
  for (const auto encoding : {PackEncoding::kKeep, PackEncoding::kPng, PackEncoding::kJpeg}) {
    pack_images(source(), folder_ / "out/train",
                {.height = 5, .width = 4, .channels = 1, .encoding = encoding, .quality = 100, .threads = 2});
    EXPECT_EQ(read_text_file(folder_ / "out/property"), "10,5,4\n");
    const RecordSource packed(folder_ / "out/train.rec");
    const auto first = packed.read(0).bytes;
    EXPECT_EQ(first[0], encoding == PackEncoding::kJpeg ? std::byte{0xff} : std::byte{0x89});
    for (int64_t i = 0; i < 10; ++i) {
      const Image image = decode_image(packed.read(i).bytes, 1);
      EXPECT_EQ(image.height, 5);
      EXPECT_EQ(image.width, 4);
      EXPECT_NEAR(image.at(2, 2), i * 10, 1);
    }
  }
  pack_images(source(), folder_ / "out/train", {});
  EXPECT_EQ(read_text_file(folder_ / "out/property"), "10,0,0\n");  // sizes differ
}

TEST_F(PackImages, ListsAndRecordsArePackedToo) {
  write("set.lst", to_bytes("0\t3\tin/class0/000.png\n1\t1\tin/class1/001.png\n"));
  pack_images(ListSource(folder_ / "set.lst"), folder_ / "one/a", {});
  EXPECT_FALSE(std::filesystem::exists(folder_ / "one/a.classes.txt"));
  pack_images(RecordSource(folder_ / "one/a.rec"), folder_ / "two/b", {.encoding = PackEncoding::kJpeg});
  const RecordSource packed(folder_ / "two/b.rec");
  ASSERT_EQ(packed.size(), 2);
  EXPECT_EQ(packed.num_classes(), 4);
  EXPECT_EQ(packed.read(0).label, 3);
}

TEST_F(PackImages, BadImagesAreLeftOutAndReported) {
  write("in/class3/003.png", to_bytes("not an image"));
  const SkipReport report = pack_images(source(), folder_ / "out/train", {});
  EXPECT_EQ(report.seen(), 300);
  EXPECT_EQ(report.skipped(SkipKind::kUndecodable), 1);
  EXPECT_THAT(report.examples()[0], testing::HasSubstr("class3/003.png: neither a JPEG nor a PNG"));
  EXPECT_EQ(RecordSource(folder_ / "out/train.rec").size(), 299);
}

TEST_F(PackImages, ALabelThatIsNoClassNumberIsCountedAsABadLabel) {
  create_folders(folder_ / "set");
  RecordWriter writer(folder_ / "set/train.rec", folder_ / "set/train.idx");
  const std::vector<std::byte> image = encode_png(Image(6, 8, 1, 7));
  for (const uint64_t key : {0, 1})
    writer.write(key, build_image_record({.labels = {key == 0 ? 0.0f : 0.5f}, .image = image}));
  writer.close();
  const SkipReport report = pack_images(RecordSource(folder_ / "set/train.rec"), folder_ / "out/train", {});
  EXPECT_EQ(report.skipped(SkipKind::kBadLabel), 1);
  EXPECT_EQ(report.skipped(), 1);
}

TEST_F(PackImages, AFailureLeavesTheOldSetAlone) {
  pack_images(source(), folder_ / "out/train", {});
  const std::string before = read_text_file(folder_ / "out/train.rec");
  for (int i = 0; i < 150; ++i) write(fmt::format("in/class{}/{:03}.png", i % 10, i), to_bytes("x"));
  EXPECT_ERROR(pack_images(source(), folder_ / "out/train", {}), "images skipped");
  EXPECT_EQ(read_text_file(folder_ / "out/train.rec"), before);
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out/train.rec.part"));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "out/train.idx.part"));
}

TEST_F(PackImages, RequestsThatCannotBeMetAreRefused) {
  pack_images(source(), folder_ / "out/train", {});
  EXPECT_ERROR(pack_images(source(), folder_ / "out/other", {}), "holds another set, train.rec");
  EXPECT_ERROR(pack_images(source(), folder_ / "x/a", {.height = 5}), "cannot resize to 5 × 0");
  EXPECT_ERROR(pack_images(source(), folder_ / "x/a", {.threads = 0}), "0 threads");
  EXPECT_ERROR(pack_images(source(), folder_ / "x/", {}), "x/: names a folder");
}

}  // namespace
}  // namespace partialfc
