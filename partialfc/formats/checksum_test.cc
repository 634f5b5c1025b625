#include "partialfc/formats/checksum.h"

#include <gtest/gtest.h>

#include <vector>

#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

std::string checksum_of(std::string_view text) {
  Checksum checksum;
  checksum.update(std::as_bytes(std::span(text)));
  return checksum.hex();
}

// Values of XXH3 with seed 0 that every implementation of it gives.
TEST(Checksum, KnownValues) {
  EXPECT_EQ(Checksum().hex(), "2d06800538d394c2");
  EXPECT_EQ(checksum_of("abc"), "78af5f94892f3950");
}

TEST(Checksum, PiecesAndFilesGiveTheSame) {
  const ScratchFolder folder;
  for (const size_t size : {0, 1, 1 << 20, (3 << 20) + 7}) {
    std::string text(size, 'a');
    for (size_t i = 0; i < size; ++i) text[i] = static_cast<char>(i * i >> 8);
    Checksum pieces;
    for (size_t begin = 0; begin < size; begin += 4097)
      pieces.update(std::as_bytes(std::span(text).subspan(begin, std::min<size_t>(4097, size - begin))));
    write_file_atomically(folder / "file", text);
    EXPECT_EQ(pieces.hex(), checksum_of(text));
    EXPECT_EQ(checksum_of_file(folder / "file"), checksum_of(text));
  }
}

TEST(Checksum, OneBitChangesIt) {
  std::string text(1000, 'x');
  const std::string before = checksum_of(text);
  text[500] ^= 1;
  EXPECT_NE(checksum_of(text), before);
}

}  // namespace
}  // namespace partialfc
