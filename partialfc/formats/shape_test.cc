#include "partialfc/formats/shape.h"

#include <gtest/gtest.h>

#include <vector>

namespace partialfc {
namespace {

TEST(Shape, BytesSaturate) {
  const int64_t big = int64_t{1} << 31;
  EXPECT_EQ(shape_bytes({}, 4), 4u);
  EXPECT_EQ(shape_bytes(std::vector<int64_t>{7}, 2), 14u);
  EXPECT_EQ(shape_bytes(std::vector<int64_t>{big, big}, 2), uint64_t{1} << 63);
  EXPECT_EQ(shape_bytes(std::vector<int64_t>{big, big}, 4), UINT64_MAX);
  EXPECT_EQ(shape_bytes(std::vector<int64_t>{INT64_MAX, INT64_MAX, INT64_MAX}, 8), UINT64_MAX);
  EXPECT_EQ(shape_bytes(std::vector<int64_t>{INT64_MAX, INT64_MAX, 0}, 8), 0u);
}

TEST(Shape, Text) {
  EXPECT_EQ(shape_text({}), "()");
  EXPECT_EQ(shape_text(std::vector<int64_t>{5}), "(5)");
  EXPECT_EQ(shape_text(std::vector<int64_t>{5, 0, 3}), "(5, 0, 3)");
}

}  // namespace
}  // namespace partialfc
