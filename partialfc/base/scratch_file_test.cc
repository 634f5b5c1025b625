#include "partialfc/base/scratch_file.h"

#include <gtest/gtest.h>

#include <cstring>
#include <fstream>

#include "partialfc/base/reserved_memory.h"
#include "partialfc/base/small_disk.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

constexpr uint64_t kPage = 4096;

iovec part(const ReservedMemory& memory, uint64_t page, uint64_t pages) {
  return {memory.data() + page * kPage, pages * kPage};
}

TEST(ScratchFile, RecordsAreRoundedUpToTheAlignment) {
  EXPECT_EQ(aligned_record_bytes(2048, 4096), 4096);
  EXPECT_EQ(aligned_record_bytes(4096, 4096), 4096);
  EXPECT_EQ(aligned_record_bytes(4104, 512), 4608);
  EXPECT_EQ(aligned_record_bytes(5, 1), 5);
}

TEST(ScratchFile, HoldsWhatWasWrittenInPartsAndHasNoName) {
  ScratchFolder folder;
  ScratchFile file(folder / "made" / "here");
  EXPECT_TRUE(std::filesystem::is_empty(folder / "made" / "here"));
  EXPECT_EQ(kPage % file.alignment(), 0);
  file.grow(16 * kPage);
  EXPECT_EQ(file.size(), 16 * kPage);
  const ReservedMemory memory(8 * kPage, ReservedMemory::Pages::kSmall);
  for (int page = 0; page < 4; ++page) std::memset(memory.data() + page * kPage, 'a' + page, kPage);
  iovec scattered[] = {part(memory, 2, 1), part(memory, 0, 2), part(memory, 3, 1)};
  file.write(5 * kPage, scattered);
  iovec gathered[] = {part(memory, 7, 1), part(memory, 4, 3)};
  file.read(5 * kPage, gathered);
  std::string pages;
  for (int page = 4; page < 8; ++page) pages += static_cast<char>(memory.data()[page * kPage + 17]);
  EXPECT_EQ(pages, "abdc");
  file.grow(20 * kPage);
  iovec grown[] = {part(memory, 0, 1)};
  file.read(19 * kPage, grown);
  EXPECT_EQ(static_cast<int>(memory.data()[0]), 0);
}

TEST(ScratchFile, ReadingPastTheEndNamesTheOffset) {
  ScratchFolder folder;
  ScratchFile file(folder.path());
  file.grow(2 * kPage);
  const ReservedMemory memory(2 * kPage, ReservedMemory::Pages::kSmall);
  iovec both[] = {part(memory, 0, 2)};
  const std::string message = message_of([&] { file.read(kPage, both); });
  EXPECT_NE(message.find("cannot read 4096 bytes at offset 8192 of 8192: the file ends here"),
            std::string::npos)
      << message;
  EXPECT_NE(message.find(folder.path().string()), std::string::npos) << message;
}

TEST(ScratchFile, AFolderThatIsAFileIsAnError) {
  ScratchFolder folder;
  std::ofstream(folder / "file") << 'x';
  EXPECT_NE(message_of([&] { ScratchFile file(folder / "file"); }).find((folder / "file").string()),
            std::string::npos);
}

TEST(ScratchFile, AFullDiskStopsWritesAndGrowth) {
  const SmallDisk disk;
  if (!disk.mounted()) GTEST_SKIP() << "needs the right to mount a file system of 1 MiB";
  ScratchFile file(disk.path());
  EXPECT_NE(message_of([&] { file.grow(2 << 20); }).find("from 0 to 2097152 bytes: No space left on device"),
            std::string::npos);
  const ReservedMemory memory(512 * kPage, ReservedMemory::Pages::kSmall);
  iovec whole[] = {part(memory, 0, 512)};
  const std::string message = message_of([&] { file.write(0, whole); });
  EXPECT_NE(message.find("cannot write"), std::string::npos) << message;
  EXPECT_NE(message.find("at offset"), std::string::npos) << message;
  EXPECT_NE(message.find("No space left on device"), std::string::npos) << message;
}

}  // namespace
}  // namespace partialfc
