#include "partialfc/data/image_ops.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace partialfc {
namespace {

// Every pixel another value, as long as there are no more than 256.
Image numbered(int height, int width, int channels) {
  Image image(height, width, channels);
  std::iota(image.pixels.begin(), image.pixels.end(), uint8_t{0});
  return image;
}

TEST(ImageOps, MirrorSwapsLeftAndRight) {
  for (int channels : {1, 3})
    for (int width : {1, 2, 5, 8}) {
      const Image image = numbered(3, width, channels);
      Image mirrored = image;
      mirror(mirrored);
      for (int y = 0; y < 3; ++y)
        for (int x = 0; x < width; ++x)
          for (int c = 0; c < channels; ++c) ASSERT_EQ(mirrored.at(y, x, c), image.at(y, width - 1 - x, c));
      mirror(mirrored);
      EXPECT_EQ(mirrored, image);
    }
}

TEST(ImageOps, ShiftedFillsOrRepeats) {
  const Image image = numbered(2, 3, 1);  // 0 1 2 / 3 4 5
  EXPECT_EQ(shifted(image, 0, 0, {}), image);
  EXPECT_EQ(shifted(image, 1, -1, {.fill = 9}).pixels, (std::vector<uint8_t>{9, 3, 4, 9, 9, 9}));
  EXPECT_EQ(shifted(image, 1, -1, {.repeat = true}).pixels, (std::vector<uint8_t>{3, 3, 4, 3, 3, 4}));
  EXPECT_EQ(shifted(image, 0, 100, {.fill = 7}), Image(2, 3, 1, 7));
  const Image rgb = numbered(1, 2, 3);
  EXPECT_EQ(shifted(rgb, 0, 1, {.fill = 9}).pixels, (std::vector<uint8_t>{3, 4, 5, 9, 9, 9}));
}

TEST(ImageOps, WarpedIsExactForWholePixels) {
  for (int channels : {1, 3}) {
    const Image image = numbered(5, 7, channels);
    const Border fill{.fill = 200}, repeat{.repeat = true};
    EXPECT_EQ(warped(image, {}, fill), image);
    EXPECT_EQ(warped(image, {.y0 = 1, .x0 = -2}, fill), shifted(image, 1, -2, fill));
    EXPECT_EQ(warped(image, {.y0 = -1, .x0 = 2}, repeat), shifted(image, -1, 2, repeat));
    Image turned = warped(image, {.yy = -1, .xx = -1}, fill);  // by 180 degrees
    std::reverse(turned.pixels.begin(), turned.pixels.end());
    if (channels == 1) {
      EXPECT_EQ(turned, image);
    }
    Image mirrored = image;
    mirror(mirrored);
    EXPECT_EQ(warped(image, {.xx = -1}, fill), mirrored);
    EXPECT_EQ(warped(image, {.x0 = 1e6}, fill), Image(5, 7, channels, 200));
  }
  // By 90 degrees: source (y, x) = (x, −y).
  const Image square = numbered(4, 4, 1);
  const Image quarter = warped(square, {.yy = 0, .yx = 1, .xy = -1, .xx = 0}, {});
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 4; ++x) EXPECT_EQ(quarter.at(y, x), square.at(x, 3 - y));
}

TEST(ImageOps, WarpedInterpolatesBetweenPixelsAndTheBorder) {
  Image image(1, 2, 1);
  image.pixels = {0, 100};
  EXPECT_EQ(warped(image, {.x0 = 0.25}, {.fill = 200}).pixels, (std::vector<uint8_t>{25, 125}));
  EXPECT_EQ(warped(image, {.x0 = 0.25}, {.repeat = true}).pixels, (std::vector<uint8_t>{25, 100}));
}

TEST(ImageOps, BlurKeepsConstantsAndSpreadsAPoint) {
  EXPECT_EQ(blurred(Image(5, 3, 3, 77), 2), Image(5, 3, 3, 77));
  Image point(41, 41, 1);
  point.at(20, 20) = 255;
  const double sigma = 1.5;
  const Image spread = blurred(point, sigma);
  for (int y = 0; y < 41; ++y)
    for (int x = 0; x < 41; ++x) {
      const double square = (y - 20) * (y - 20) + (x - 20) * (x - 20);
      const double density = std::exp(-square / (2 * sigma * sigma)) / (2 * 3.14159265 * sigma * sigma);
      EXPECT_NEAR(spread.at(y, x), 255 * density, 1) << y << " " << x;
    }
}

TEST(ImageOps, ColoursAreScaledAboutTheirCenters) {
  Image image(1, 2, 1);
  image.pixels = {100, 200};
  Image bright = image, contrast = image, gray = image;
  scale_brightness(bright, 1.5);
  EXPECT_EQ(bright.pixels, (std::vector<uint8_t>{150, 255}));
  scale_contrast(contrast, 0.5);
  EXPECT_EQ(contrast.pixels, (std::vector<uint8_t>{125, 175}));
  scale_contrast(contrast, 10);
  EXPECT_EQ(contrast.pixels, (std::vector<uint8_t>{0, 255}));
  scale_saturation(gray, 0);
  EXPECT_EQ(gray, image);

  Image red(1, 1, 3);
  red.pixels = {200, 0, 0};  // luma 60
  scale_saturation(red, 0.5);
  EXPECT_EQ(red.pixels, (std::vector<uint8_t>{130, 30, 30}));
  scale_saturation(red, 0);
  EXPECT_EQ(red.pixels[0], red.pixels[1]);
  EXPECT_EQ(red.pixels[1], red.pixels[2]);
  Image two(1, 2, 3);
  two.pixels = {0, 0, 0, 100, 100, 100};  // mean luma 50
  scale_contrast(two, 2);
  EXPECT_EQ(two.pixels, (std::vector<uint8_t>{0, 0, 0, 150, 150, 150}));
}

TEST(ImageOps, ARectangleIsFilled) {
  Image image(3, 4, 3);
  fill_rectangle(image, 1, 2, 2, 1, 9);
  for (int y = 0; y < 3; ++y)
    for (int x = 0; x < 4; ++x)
      for (int c = 0; c < 3; ++c) EXPECT_EQ(image.at(y, x, c), y >= 1 && x == 2 ? 9 : 0);
  fill_rectangle(image, 3, 4, 0, 0, 1);
}

}  // namespace
}  // namespace partialfc
