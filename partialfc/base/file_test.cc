#include "partialfc/base/file.h"

#include <gtest/gtest.h>

#include "partialfc/base/error.h"

namespace partialfc {
namespace {

std::filesystem::path scratch(const char* name) { return std::filesystem::path(testing::TempDir()) / name; }

std::string message_of(auto&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(File, WhatIsWrittenIsRead) {
  const auto path = scratch("file_test_roundtrip");
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
  std::filesystem::remove(path);
}

TEST(File, ErrorsNamePathAndReason) {
  EXPECT_EQ(message_of([] { InputFile("/nowhere/x.rec"); }),
            "/nowhere/x.rec: cannot open: No such file or directory");
  EXPECT_EQ(message_of([] { InputFile("/tmp"); }), "/tmp: not a regular file");
  const auto path = scratch("file_test_short");
  write_file_atomically(path, "12345");
  InputFile file(path);
  std::byte buffer[8];
  EXPECT_NE(message_of([&] { file.read_exactly(2, buffer); }).find("ends after 3"), std::string::npos);
  std::filesystem::remove(path);
}

TEST(File, AFullDiskIsReported) {
  OutputFile full("/dev/full");
  full.write(std::string_view("x"));
  EXPECT_EQ(message_of([&] { full.close(); }), "/dev/full: cannot write: No space left on device");
}

TEST(File, AtomicWriteReplacesAndLeavesNothingAside) {
  const auto path = scratch("file_test_atomic");
  write_file_atomically(path, "old");
  write_file_atomically(path, "new");
  EXPECT_EQ(read_text_file(path), "new");
  EXPECT_FALSE(std::filesystem::exists(path.string() + ".part"));
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace partialfc
