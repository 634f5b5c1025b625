#include "partialfc/data/record_io.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partialfc/data/test_files.h"

namespace partialfc {
namespace {

std::string magic_text() {
  const auto bytes = bytes_of(kRecordMagic);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<std::string> payloads() {
  const std::string magic = magic_text();
  return {"",
          "a",
          "four",
          "12345",
          magic,           // nothing but the magic
          "abcd" + magic,  // at the end
          magic + "abcd" + magic + magic + "xyz",
          "ab" + magic + "cd",  // not at a multiple of 4: stays
          "abcd" + magic.substr(0, 3),
          std::string(100000, 'x')};
}

void write_all(const ScratchFolder& folder, const std::vector<std::string>& texts) {
  RecordWriter writer(folder / "a.rec", folder / "a.idx");
  for (size_t i = 0; i < texts.size(); ++i) writer.write(10 + i, to_bytes(texts[i]));
  writer.close();
}

TEST(RecordIo, WhatIsWrittenIsReadInOrderAndByOffset) {
  const ScratchFolder folder;
  const auto texts = payloads();
  write_all(folder, texts);
  RecordReader reader(folder / "a.rec");
  std::vector<std::byte> payload;
  std::vector<uint64_t> offsets;
  for (const auto& text : texts) {
    offsets.push_back(reader.offset());
    ASSERT_TRUE(reader.next(payload));
    EXPECT_EQ(payload, to_bytes(text));
  }
  EXPECT_FALSE(reader.next(payload));
  for (size_t i = texts.size(); i-- > 0;) EXPECT_EQ(reader.read_at(offsets[i]), to_bytes(texts[i]));

  std::string index;
  for (size_t i = 0; i < offsets.size(); ++i)
    index += std::to_string(10 + i) + "\t" + std::to_string(offsets[i]) + "\n";
  EXPECT_EQ(read_text_file(folder / "a.idx"), index);
}

TEST(RecordIo, TheBytesAreThoseOfTheFormat) {
  const ScratchFolder folder;
  RecordWriter writer(folder / "a.rec");
  writer.write(0, to_bytes("abcd" + magic_text() + "e"));
  writer.close();
  const std::string expected =
      magic_text() + std::string("\x04\0\0\x20", 4) + "abcd" +                    // first part, 4 bytes
      magic_text() + std::string("\x01\0\0\x60", 4) + std::string("e\0\0\0", 4);  // last part, 1 byte
  EXPECT_EQ(read_text_file(folder / "a.rec"), expected);
}

TEST(RecordIo, NothingAppearsWithoutClose) {
  const ScratchFolder folder;
  { RecordWriter(folder / "a.rec", folder / "a.idx").write(1, to_bytes("x")); }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(RecordIo, AnEmptyFileHasNoRecords) {
  const ScratchFolder folder;
  write_file_atomically(folder / "a.rec", "");
  std::vector<std::byte> payload;
  EXPECT_FALSE(RecordReader(folder / "a.rec").next(payload));
  EXPECT_ERROR(RecordReader(folder / "a.rec").read_at(0), "cut short");
}

TEST(RecordIo, EveryTruncationIsAnErrorOrFewerRecords) {
  const ScratchFolder folder;
  write_all(folder, {"first", magic_text() + "second", "3"});
  const std::string whole = read_text_file(folder / "a.rec");
  const std::vector<size_t> ends = {0, 16, 16 + 8 + 16, whole.size()};  // where records end
  for (size_t size = 0; size < whole.size(); ++size) {
    write_file_atomically(folder / "cut.rec", whole.substr(0, size));
    const std::string message = message_of([&] {
      RecordReader reader(folder / "cut.rec");
      std::vector<std::byte> payload;
      while (reader.next(payload)) {
      }
    });
    const bool clean = std::find(ends.begin(), ends.end(), size) != ends.end();
    if (clean)
      EXPECT_EQ(message, "no error") << size;
    else
      EXPECT_THAT(message, testing::HasSubstr("cut short")) << size;
  }
}

TEST(RecordIo, DamageNamesFileAndOffset) {
  const ScratchFolder folder;
  EXPECT_ERROR(RecordReader(folder / "none.rec"), "none.rec: cannot open");
  write_all(folder, {"first", "second"});
  RecordReader reader(folder / "a.rec");
  EXPECT_ERROR(reader.read_at(4), "a.rec: no record at offset 4");
  EXPECT_ERROR(reader.read_at(1000000), "the record at offset 1000000");
  EXPECT_ERROR(reader.read_at(UINT64_MAX - 3), "the record at offset 18446744073709551612");

  std::string bytes = read_text_file(folder / "a.rec");
  bytes[7] = 0x60;  // the whole record becomes a last part
  write_file_atomically(folder / "kind.rec", bytes);
  EXPECT_ERROR(RecordReader(folder / "kind.rec").read_at(0), "out of order");
  bytes[7] = 0x20;  // a first part, and then a whole record
  write_file_atomically(folder / "kind.rec", bytes);
  EXPECT_ERROR(RecordReader(folder / "kind.rec").read_at(0), "part of kind 0 at offset 16");
}

}  // namespace
}  // namespace partialfc
