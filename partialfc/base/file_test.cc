#include "partialfc/base/file.h"

#include <gtest/gtest.h>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

TEST(File, WhatIsWrittenIsRead) {
  const ScratchFolder folder;
  const auto path = folder / "file";
  OutputFile out(path);
  std::string expected;
  for (int i = 0; i < 300000; ++i) {
    const std::string line = std::to_string(i) + "\n";
    out.write(line);
    expected += line;
  }
  EXPECT_EQ(out.position(), expected.size());
  out.close();
  EXPECT_EQ(read_text_file(path), expected);
}

TEST(File, ErrorsNamePathAndReason) {
  EXPECT_EQ(message_of([] { InputFile("/nowhere/x.rec"); }),
            "/nowhere/x.rec: cannot open: No such file or directory");
  EXPECT_EQ(message_of([] { InputFile("/tmp"); }), "/tmp: not a regular file");
  const ScratchFolder folder;
  const auto path = folder / "file";
  write_file_atomically(path, "12345");
  InputFile file(path);
  std::byte buffer[8];
  EXPECT_NE(message_of([&] { file.read_exactly(2, buffer); }).find("ends after 3"), std::string::npos);
}

TEST(File, AFullDiskIsReported) {
  OutputFile full("/dev/full");
  full.write(std::string_view("x"));
  EXPECT_EQ(message_of([&] { full.close(); }), "/dev/full: cannot write: No space left on device");
}

TEST(File, AtomicWriteReplacesAndLeavesNothingAside) {
  const ScratchFolder folder;
  const auto path = folder / "file";
  write_file_atomically(path, "old");
  write_file_atomically(path, "new");
  EXPECT_EQ(read_text_file(path), "new");
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".part"));
}

}  // namespace
}  // namespace partialfc
