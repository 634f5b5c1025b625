#include "partialfc/data/resize.h"

#include <gtest/gtest.h>

namespace partialfc {
namespace {

Image row_image(std::vector<uint8_t> values) {
  Image image(1, static_cast<int>(values.size()), 1);
  image.pixels = std::move(values);
  return image;
}

Image transposed(const Image& image) {
  Image result(image.width, image.height, image.channels);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x)
      for (int c = 0; c < image.channels; ++c) result.at(x, y, c) = image.at(y, x, c);
  return result;
}

TEST(Resize, AConstantImageStaysConstant) {
  for (int channels : {1, 3})
    for (uint8_t value : {0, 1, 254, 255})
      for (auto [height, width] : {std::pair{1, 1}, {3, 200}, {17, 31}, {40, 40}, {128, 5}})
        EXPECT_EQ(resize(Image(17, 31, channels, value), height, width),
                  Image(height, width, channels, value));
}

// f = 2: triangles of radius 2 centred between two pixels weigh 1/8, 3/8, 3/8, 1/8; at the border the outer
// pixel is left out: 3/7, 3/7, 1/7.
TEST(Resize, HalvingWeighsFourNeighbours) {
  const Image half = resize(row_image({0, 0, 80, 160, 240, 240, 70, 0}), 1, 4);
  EXPECT_EQ(half.at(0, 0), 11);  // 80/7
  EXPECT_EQ(half.at(0, 1), (3 * 80 + 3 * 160 + 240) / 8);
  EXPECT_EQ(half.at(0, 2), (160 + 3 * 240 + 3 * 240 + 70 + 4) / 8);
  EXPECT_EQ(half.at(0, 3), 64);  // (240 + 3·70)/7
}

// f = 1/2: centres at −1/4, 1/4, 3/4, …: weights 3/4 and 1/4 inside, the border itself outside.
TEST(Resize, DoublingInterpolates) {
  EXPECT_EQ(resize(row_image({0, 100, 200}), 1, 6), row_image({0, 25, 75, 125, 175, 200}));
}

TEST(Resize, BothDirectionsAndAllChannelsAreTreatedAlike) {
  Image image(6, 11, 3);
  for (int y = 0; y < 6; ++y)
    for (int x = 0; x < 11; ++x)
      for (int c = 0; c < 3; ++c) image.at(y, x, c) = static_cast<uint8_t>((y * 31 + x * 17) % 200 + c);
  const Image across = resize(image, 6, 4);
  EXPECT_EQ(transposed(resize(transposed(image), 4, 6)), across);
  for (int y = 0; y < 6; ++y)
    for (int x = 0; x < 4; ++x) {
      EXPECT_EQ(across.at(y, x, 1), across.at(y, x, 0) + 1);
      EXPECT_EQ(across.at(y, x, 2), across.at(y, x, 0) + 2);
    }
  EXPECT_EQ(resize(image, 6, 11), image);
}

// A checkerboard shrunk to a quarter is nearly even gray: without averaging it would keep its extremes.
TEST(Resize, ShrinkingAveragesOverAllPixels) {
  Image board(64, 64, 1);
  for (int y = 0; y < 64; ++y)
    for (int x = 0; x < 64; ++x) board.at(y, x) = (x + y) % 2 ? 255 : 0;
  for (const uint8_t value : resize(board, 16, 16).pixels) EXPECT_NEAR(value, 127.5, 1);
}

}  // namespace
}  // namespace partialfc
