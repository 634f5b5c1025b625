#include "partialfc/data/record_index.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partialfc/data/test_files.h"

namespace partialfc {
namespace {

class RecordIndex : public testing::Test {
 protected:
  std::vector<IndexEntry> read(std::string_view text) {
    write_file_atomically(folder_ / "a.idx", text);
    return read_record_index(folder_ / "a.idx");
  }
  RecordSetInfo property(std::string_view text) {
    write_file_atomically(folder_ / "property", text);
    return read_property(folder_ / "property");
  }
  ScratchFolder folder_;
};

TEST_F(RecordIndex, LinesInAnyOrderComeOutByKey) {
  const auto entries = read("7\t700\r\n0\t0\n3\t123456789012\n");
  ASSERT_EQ(entries.size(), 3u);
  EXPECT_EQ(entries[0].key, 0u);
  EXPECT_EQ(entries[1].key, 3u);
  EXPECT_EQ(entries[1].offset, 123456789012u);
  EXPECT_EQ(entries[2].offset, 700u);
  EXPECT_TRUE(read("").empty());
  EXPECT_EQ(read("1\t2").size(), 1u);  // no line end at the end
}

TEST_F(RecordIndex, GarbageAndDuplicatesAreRefusedWithTheirLine) {
  EXPECT_ERROR(read("0\t0\n1 16\n"), "a.idx, line 2: \"1 16\" is not");
  EXPECT_ERROR(read("0\t0\n\n"), "line 2");
  EXPECT_ERROR(read("0\t0\n1\t-4\n"), "line 2");
  EXPECT_ERROR(read("0\t0\n1\t16x\n"), "line 2");
  EXPECT_ERROR(read("99999999999999999999\t0\n"), "line 1");
  EXPECT_ERROR(read("0\t0\n5\t16\n1\t32\n5\t48\n"), "a.idx, line 4: key 5 is on line 2 already");
  EXPECT_ERROR(read_record_index(folder_ / "none.idx"), "none.idx: cannot open");
}

TEST_F(RecordIndex, PropertyIsReadAndWritten) {
  const RecordSetInfo known = property("85742,112,96\n");
  EXPECT_EQ(known.num_classes, 85742);
  EXPECT_EQ(known.height, 112);
  EXPECT_EQ(known.width, 96);
  write_property(folder_ / "property", {.num_classes = 5, .height = 1, .width = 2});
  EXPECT_EQ(read_text_file(folder_ / "property"), "5,1,2\n");
  for (const char* bad : {"", "5", "5,1", "5,1,2,3", "0,1,2", "x,1,2", "5,,2"})
    EXPECT_ERROR(property(bad), "is not \"num_classes,height,width\"") << bad;
}

}  // namespace
}  // namespace partialfc
