#include "partialfc/data/image_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "partialfc/data/test_files.h"

namespace partialfc {
namespace {

TEST(ImageRecord, AScalarLabelComesBack) {
  const auto image = to_bytes("jpeg");
  const auto payload = build_image_record({.labels = {7}, .id = 1ull << 40, .id2 = 3, .image = image});
  EXPECT_EQ(payload.size(), 24 + 4u);
  uint32_t flag;
  std::memcpy(&flag, payload.data(), 4);
  EXPECT_EQ(flag, 0u);
  const ImageRecord record = parse_image_record(payload);
  EXPECT_EQ(record.labels, std::vector<float>{7});
  EXPECT_EQ(record.id, 1ull << 40);
  EXPECT_EQ(record.id2, 3u);
  EXPECT_TRUE(std::ranges::equal(record.image, image));
}

TEST(ImageRecord, SeveralLabelsComeBack) {
  const auto payload = build_image_record({.labels = {5, -2.5, 9}});
  EXPECT_EQ(payload.size(), 24 + 12u);
  const ImageRecord record = parse_image_record(payload);
  EXPECT_EQ(record.labels, (std::vector<float>{5, -2.5, 9}));
  EXPECT_TRUE(record.image.empty());
}

TEST(ImageRecord, TooShortPayloadsAreRefused) {
  const auto payload = build_image_record({.labels = {1, 2}});
  for (size_t size = 0; size < payload.size(); ++size)
    EXPECT_ERROR(parse_image_record(std::span(payload).first(size)), "an image record");
  std::vector<std::byte> many(24);
  const uint32_t flag = 0xffffffff;
  std::memcpy(many.data(), &flag, 4);
  EXPECT_ERROR(parse_image_record(many), "4294967295 labels needs 17179869180 bytes");
}

}  // namespace
}  // namespace partialfc
