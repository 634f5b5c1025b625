#include "partialfc/data/image_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partialfc/data/folder_source.h"
#include "partialfc/data/image_record.h"
#include "partialfc/data/list_source.h"
#include "partialfc/data/record_source.h"
#include "partialfc/data/test_files.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

struct Expected {
  std::string bytes;
  int64_t label;
};

void expect_images(const ImageSource& source, const std::vector<Expected>& expected) {
  ASSERT_EQ(source.size(), static_cast<int64_t>(expected.size()));
  for (int64_t i = 0; i < source.size(); ++i) {
    const EncodedImage image = source.read(i);
    EXPECT_EQ(image.bytes, to_bytes(expected[i].bytes)) << source.describe(i);
    EXPECT_EQ(image.label, expected[i].label) << source.describe(i);
  }
}

SkipKind kind_of_failure(const ImageSource& source, int64_t index) {
  try {
    source.read(index);
  } catch (const SampleError& error) {
    return error.kind();
  }
  ADD_FAILURE() << source.describe(index) << " can be read";
  return SkipKind::kUndecodable;
}

class Records : public testing::Test {
 protected:
  struct Record {
    uint64_t key;
    std::vector<float> labels;
    std::string image;
  };
  void write(const std::vector<Record>& records, std::string_view name = "train") {
    const std::string stem = (folder_ / name).string();
    RecordWriter writer(stem + ".rec", stem + ".idx");
    for (const Record& record : records) {
      const auto image = to_bytes(record.image);
      writer.write(record.key, build_image_record({.labels = record.labels, .image = image}));
    }
    writer.close();
  }
  RecordSource open() { return RecordSource(folder_ / "train.rec"); }
  ScratchFolder folder_;
};

TEST_F(Records, PlainSetsHaveOneClassMoreThanTheLargestLabel) {
  write({{5, {2}, "five"}, {3, {0, 9, 9}, "three"}, {4, {7}, "four"}});
  const RecordSource source = open();
  expect_images(source, {{"five", 2}, {"three", 0}, {"four", 7}});
  EXPECT_EQ(source.num_classes(), 8);
  EXPECT_EQ(source.class_name(0), "");
  EXPECT_THAT(source.describe(1), HasSubstr("train.rec, key 3"));
}

TEST_F(Records, InsightFaceSetsKeepTheirHeaderAndIdentitiesOut) {
  const std::vector<Record> records = {{0, {4, 7}, ""}, {1, {0}, "a"},   {2, {1}, "b"},  {3, {1}, "c"},
                                       {4, {1, 2}, ""}, {5, {2, 3}, ""}, {6, {3, 4}, ""}};
  write(records);
  expect_images(open(), {{"a", 0}, {"b", 1}, {"c", 1}});
  EXPECT_EQ(open().num_classes(), 3);  // identities, though the labels need but two
  std::filesystem::remove(folder_ / "train.idx");
  expect_images(open(), {{"a", 0}, {"b", 1}, {"c", 1}});
  EXPECT_EQ(open().num_classes(), 3);
  write_property(folder_ / "property", {.num_classes = 10});
  EXPECT_EQ(open().num_classes(), 10);
}

TEST_F(Records, AHeaderThatPromisesMoreImagesIsAnError) {
  write({{0, {4, 5}, ""}, {1, {0}, "a"}, {4, {1, 2}, ""}});
  EXPECT_ERROR(open(), "images have keys 1 … 3, but the index holds 1 of these");
  write({{0, {-4, 5}, ""}, {1, {0}, "a"}});
  EXPECT_ERROR(open(), "key 0: the header record says that identities begin at key -4");
}

// As im2rec writes a shuffled list: keys of the list, in the order of the file.
TEST_F(Records, ImagesAreNumberedAsTheyLieInTheFileAndReadAheadInOnePiece) {
  std::vector<Record> records;
  for (const uint64_t key : {7, 3, 9, 1, 5}) records.push_back({key, {0}, std::string(30 * key, 'x')});
  write(records);
  const RecordSource source = open();
  for (int64_t i = 0; i < 5; ++i) EXPECT_EQ(source.read(i).bytes.size(), 30 * records[i].key);
  EXPECT_EQ(source.file_bytes(), std::filesystem::file_size(folder_ / "train.rec"));
  source.read_ahead({0, 5});
  source.read_ahead({4, 5});
}

// Above 2^24 the header's float32 is rounded to even numbers, here up by one.
TEST_F(Records, ARoundedHeaderFindsTheBorder) {
  const uint64_t first_identity = (1ull << 24) + 3;
  const float rounded = static_cast<float>(first_identity);
  ASSERT_EQ(rounded, first_identity + 1);
  write({{0, {rounded, rounded}, ""},
         {1, {0}, "a"},
         {first_identity - 1, {1}, "b"},
         {first_identity, {1, 2}, ""},
         {first_identity + 1, {2, 3}, ""}});
  expect_images(open(), {{"a", 0}, {"b", 1}});
  EXPECT_EQ(open().num_classes(), 2);
}

TEST_F(Records, ClassNamesAreRead) {
  write({{0, {0}, "a"}, {1, {1}, "b"}});
  write_file_atomically(folder_ / "train.classes.txt", "1\tBob the second\n0\tAnn\n");
  EXPECT_EQ(open().class_name(1), "Bob the second");
  EXPECT_EQ(open().class_name(0), "Ann");
  EXPECT_EQ(open().class_name(2), "");
  write_file_atomically(folder_ / "train.classes.txt", "0\tAnn\n2\tCleo\n");
  EXPECT_ERROR(open(), "train.classes.txt, line 2");
}

TEST_F(Records, BadFilesAreErrorsBadImagesSampleErrors) {
  EXPECT_ERROR(open(), "train.rec: cannot open");
  write({});
  EXPECT_ERROR(open(), "train.rec: holds no records");
  write({{0, {1, 1}, ""}});
  EXPECT_ERROR(open(), "train.rec: holds no images");

  write({{1, {0}, "a"}, {2, {0.5}, "b"}, {3, {1}, ""}});
  const RecordSource source = open();
  EXPECT_EQ(source.num_classes(), 1);
  EXPECT_EQ(source.read(0).label, 0);
  EXPECT_ERROR(source.read(1), "train.rec, key 2: label 0.5 is not a class number");
  EXPECT_EQ(kind_of_failure(source, 1), SkipKind::kBadLabel);
  EXPECT_EQ(kind_of_failure(source, 2), SkipKind::kUnreadable);
  EXPECT_ERROR(source.read(2), "train.rec, key 3: the record holds no image");

  const std::string whole = read_text_file(folder_ / "train.rec");
  write_file_atomically(folder_ / "train.rec", whole.substr(0, whole.size() - 4));
  EXPECT_ERROR(open().read(2), "key 3: ");
  write_file_atomically(folder_ / "train.rec", whole.substr(0, 20));
  EXPECT_ERROR(open(), "train.idx: key 2 is at offset 36, but ");
  write_file_atomically(folder_ / "train.rec", whole);
  write_file_atomically(folder_ / "train.idx", "1\t0\n2\t4\n");
  EXPECT_ERROR(open().read(1), "no record at offset 4");
}

TEST_F(Records, MoreClassesThanFloatLabelsTellApartAreRefused) {
  write({{1, {0}, "a"}});
  write_property(folder_ / "property", {.num_classes = (1 << 24) + 1});
  EXPECT_ERROR(open(), "16777217 classes");
}

class Folders : public testing::Test {
 protected:
  void write(std::string_view name, std::string_view text) {
    create_folders((folder_ / name).parent_path());
    write_file_atomically(folder_ / name, text);
  }
  ScratchFolder folder_;
};

TEST_F(Folders, ClassesAndFilesAreSortedAndMayBeNested) {
  write("b/2.PNG", "b2");
  write("b/10.jpg", "b10");
  write("a/x/1.jpeg", "ax1");
  write("a/y/1.jpg", "ay1");
  write("a/notes.txt", "passed over");
  write("a/.hidden.jpg", "passed over");
  create_folders(folder_ / "empty");
  const FolderSource source(folder_.path());
  expect_images(source, {{"ax1", 0}, {"ay1", 1}, {"b10", 2}, {"b2", 2}});
  EXPECT_EQ(source.num_classes(), 3);
  EXPECT_EQ(source.class_name(0), "a/x");
  EXPECT_EQ(source.class_name(2), "b");
  EXPECT_EQ(source.class_name(3), "");
  EXPECT_EQ(source.class_name(-1), "");
  EXPECT_EQ(source.describe(3), folder_ / "b/2.PNG");
  std::filesystem::remove(folder_ / "b/2.PNG");
  EXPECT_EQ(kind_of_failure(source, 3), SkipKind::kUnreadable);
  EXPECT_ERROR(source.read(3), "b/2.PNG: cannot open");
}

TEST_F(Folders, WhatCannotBeASetIsRefused) {
  EXPECT_ERROR(FolderSource(folder_.path()), "no images found; looked for *.jpg");
  write("a/1.jpg", "x");
  write("2.jpg", "x");
  EXPECT_ERROR(FolderSource(folder_.path()), "1 images (such as 2.jpg) lie directly in it");
  std::filesystem::remove(folder_ / "2.jpg");
  write("a/3.WebP", "x");
  EXPECT_ERROR(FolderSource(folder_.path()), ".webp images are not supported");
  std::filesystem::remove(folder_ / "a/3.WebP");
  std::filesystem::create_directory_symlink(folder_.path(), folder_ / "a/circle");
  EXPECT_ERROR(FolderSource(folder_.path()), "do links go in a circle?");
  EXPECT_ERROR(FolderSource(folder_ / "none"), "none: cannot list the folder");
}

TEST_F(Folders, ListsOfBothKindsAreRead) {
  write("images/a 1.jpg", "a1");
  write("images/b.png", "b");
  write("set.txt", "images/a 1.jpg 3\r\n\nimages/b.png\t0\n");
  const ListSource text(folder_ / "set.txt");
  expect_images(text, {{"a1", 3}, {"b", 0}});
  EXPECT_EQ(text.num_classes(), 4);
  EXPECT_EQ(text.class_name(0), "");
  write("set.lst", "17\t2.000000\t5.5\timages/b.png\n3\t1\timages/a 1.jpg\n");
  expect_images(ListSource(folder_ / "set.lst"), {{"b", 2}, {"a1", 1}});
  write("gone.txt", "images/c.png 0\n");
  EXPECT_EQ(kind_of_failure(ListSource(folder_ / "gone.txt"), 0), SkipKind::kUnreadable);
}

TEST_F(Folders, BadListsAreRefusedWithTheirLine) {
  const auto open = [&](std::string_view name, std::string_view text) {
    write(name, text);
    return ListSource(folder_ / name);
  };
  EXPECT_ERROR(open("a.txt", ""), "a.txt: the list is empty");
  for (const char* bad : {"a.jpg", "a.jpg -1", "a.jpg 1.5", "a.jpg x", " 3", "a.jpg nan", "a.jpg 1e300"})
    EXPECT_ERROR(open("a.txt", std::string("ok.jpg 0\n") + bad), "a.txt, line 2") << bad;
  for (const char* bad : {"1\ta.jpg", "1\t-1\ta.jpg", "1\tx\ta.jpg", "1\t0\t", "1 0 a.jpg"})
    EXPECT_ERROR(open("a.lst", std::string("1\t0\tok.jpg\n") + bad), "a.lst, line 2") << bad;
}

TEST_F(Folders, AListWhoseLabelsAreNoClassNumbersIsAUsageError) {
  write("least.txt", "a.jpg 2147483646\n");
  EXPECT_EQ(ListSource(folder_ / "least.txt").num_classes(), 2147483647);
  write("more.txt", "a.jpg 2147483647\n");
  EXPECT_THROW(ListSource(folder_ / "more.txt"), UsageError);
  write("times.txt", "a.jpg 3\n\nb.jpg 20240131235959\nc.jpg 20240131235958\n");
  EXPECT_ERROR(ListSource(folder_ / "times.txt"),
               "times.txt, line 3: label 20240131235959 makes 20240131235960 classes, "
               "at most 2147483647 are possible");
}

TEST_F(Records, OpenImageSourceDecidesByWhatIsThere) {
  write({{1, {4}, "rec"}});
  const auto first_image = [&](const std::filesystem::path& path) {
    const auto bytes = open_image_source(path)->read(0).bytes;
    return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  };
  EXPECT_EQ(first_image(folder_.path()), "rec");
  EXPECT_EQ(first_image(folder_ / "train.rec"), "rec");
  EXPECT_EQ(first_image(folder_ / "train"), "rec");
  write({{1, {4}, "other"}}, "other");
  EXPECT_EQ(first_image(folder_.path()), "rec");  // train.rec goes first
  write({{1, {4}, "third"}}, "third");
  std::filesystem::remove(folder_ / "train.rec");
  EXPECT_ERROR(open_image_source(folder_.path()), "2 .rec files and none is train.rec");

  create_folders(folder_ / "set/class");
  write_file_atomically(folder_ / "set/class/1.png", "folder");
  EXPECT_EQ(first_image(folder_ / "set"), "folder");
  write_file_atomically(folder_ / "set.txt", "set/class/1.png 0\n");
  EXPECT_EQ(first_image(folder_ / "set.txt"), "folder");
  EXPECT_ERROR(open_image_source(folder_ / "nothing"), "no images there: looked for");
}

}  // namespace
}  // namespace partialfc
