#include "partialfc/data/augment.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <string>

#include "partialfc/data/image_ops.h"
#include "partialfc/data/test_files.h"

namespace partialfc {
namespace {

Image photo(int channels) {
  Image image(12, 16, channels);
  for (int y = 0; y < 12; ++y)
    for (int x = 0; x < 16; ++x)
      for (int c = 0; c < channels; ++c)
        image.at(y, x, c) = static_cast<uint8_t>((y * 9 + x * 13 + c * 40) % 230 + 1);
  return image;
}

Image augmented(Image image, const AugmentOptions& options, uint64_t draw) {
  RandomStream random(1, Purpose::kAugmentation, 0, draw);
  augment(image, options, random);
  return image;
}

// The share of 400 draws that change the image.
double share_changed(const Image& image, const AugmentOptions& options) {
  int changed = 0;
  for (uint64_t draw = 0; draw < 400; ++draw) changed += augmented(image, options, draw) != image;
  return changed / 400.0;
}

TEST(Augment, IsOffAtItsDefaults) {
  RandomStream random(1, Purpose::kAugmentation), untouched(1, Purpose::kAugmentation);
  for (int channels : {1, 3}) {
    Image image = photo(channels);
    augment(image, {}, random);
    EXPECT_EQ(image, photo(channels));
  }
  EXPECT_EQ(random.next_u64(), untouched.next_u64());  // and draws nothing
}

TEST(Augment, IsAFunctionOfTheStream) {
  const AugmentOptions all{.mirror = 0.5,
                           .shift = 2,
                           .rotate = 10,
                           .scale = 0.1,
                           .shear = 5,
                           .translate = 2,
                           .low_resolution = 0.5,
                           .low_resolution_min = 0.5,
                           .blur = 0.5,
                           .blur_sigma = 2,
                           .brightness = 0.3,
                           .contrast = 0.3,
                           .saturation = 0.3,
                           .gray = 0.3,
                           .erase = 0.5,
                           .erase_area = 0.2};
  check_options(all);
  std::set<std::string> results;
  for (int channels : {1, 3})
    for (uint64_t draw = 0; draw < 50; ++draw) {
      const Image image = augmented(photo(channels), all, draw);
      EXPECT_EQ(image, augmented(photo(channels), all, draw));
      EXPECT_EQ(image.pixels.size(), photo(channels).pixels.size());
      results.emplace(image.pixels.begin(), image.pixels.end());
    }
  EXPECT_EQ(results.size(), 100u);
}

TEST(Augment, ProbabilitiesAreKept) {
  const Image image = photo(3);
  const double tolerance = 5 * 0.5 / 20;  // five standard deviations at 400 draws
  EXPECT_NEAR(share_changed(image, {.mirror = 0.3}), 0.3, tolerance);
  EXPECT_EQ(share_changed(image, {.mirror = 1}), 1);
  EXPECT_NEAR(share_changed(image, {.gray = 0.6}), 0.6, tolerance);
  EXPECT_NEAR(share_changed(image, {.blur = 0.4, .blur_sigma = 50}), 0.4, tolerance);
  EXPECT_NEAR(share_changed(image, {.low_resolution = 0.7, .low_resolution_min = 0.3}), 0.7, tolerance);
  EXPECT_NEAR(share_changed(image, {.erase = 0.5, .erase_area = 1}), 0.5, tolerance);
}

TEST(Augment, EachMagnitudeHasItsEffect) {
  const Image image = photo(3);
  for (const AugmentOptions& options : std::initializer_list<AugmentOptions>{{.rotate = 20},
                                                                             {.scale = 0.3},
                                                                             {.shear = 20},
                                                                             {.translate = 5},
                                                                             {.brightness = 0.5},
                                                                             {.contrast = 0.5},
                                                                             {.saturation = 0.5}}) {
    EXPECT_GT(share_changed(image, options), 0.95);
  }
}

TEST(Augment, ShiftsAreUniformAndWithinTheirBounds) {
  const Image image = photo(1);
  for (const bool repeat : {false, true}) {
    std::vector<Image> choices;
    for (int dy = -1; dy <= 1; ++dy)
      for (int dx = -1; dx <= 1; ++dx)
        choices.push_back(shifted(image, dy, dx, {.repeat = repeat, .fill = 7}));
    std::vector<int> counts(9);
    for (uint64_t draw = 0; draw < 900; ++draw) {
      const Image result = augmented(image, {.shift = 1, .repeat_border = repeat, .fill = 7}, draw);
      const auto found = std::find(choices.begin(), choices.end(), result);
      ASSERT_NE(found, choices.end());
      ++counts[found - choices.begin()];
    }
    for (const int count : counts) EXPECT_NEAR(count, 100, 5 * 9.5);
  }
}

// Turned about the centre, the centre pixel stays; scaled by s, a square of side a covers (s·a)² of the image.
TEST(Augment, AffineTurnsAndScalesAboutTheCentre) {
  Image square(41, 41, 1);
  fill_rectangle(square, 11, 11, 19, 19, 255);
  const auto mass = [](const Image& image) {
    double sum = 0;
    for (const uint8_t value : image.pixels) sum += value / 255.0;
    return sum;
  };
  double smallest = 1e9, largest = 0;
  for (uint64_t draw = 0; draw < 300; ++draw) {
    const Image turned = augmented(square, {.rotate = 180, .shear = 15}, draw);
    EXPECT_EQ(turned.at(20, 20), 255);
    EXPECT_NEAR(mass(turned), 361, 4);  // turning and shearing keep areas
    const double area = mass(augmented(square, {.scale = 0.2}, draw));
    smallest = std::min(smallest, area), largest = std::max(largest, area);
  }
  EXPECT_NEAR(smallest, 361 * 0.8 * 0.8, 15);
  EXPECT_NEAR(largest, 361 * 1.2 * 1.2, 15);
}

TEST(Augment, ErasedAreasAreWithinTheirShare) {
  const Image white(40, 40, 1, 255);
  int64_t largest = 0;
  for (uint64_t draw = 0; draw < 300; ++draw) {
    const Image image = augmented(white, {.fill = 9, .erase = 1, .erase_area = 0.25}, draw);
    largest = std::max<int64_t>(largest, std::count(image.pixels.begin(), image.pixels.end(), 9));
  }
  EXPECT_GT(largest, 0.22 * 1600);
  EXPECT_LT(largest, 0.28 * 1600);  // sides are rounded
}

TEST(Augment, GrayImagesOfOnePixelAreSurvived) {
  const AugmentOptions all{.mirror = 1,
                           .shift = 3,
                           .rotate = 180,
                           .scale = 0.9,
                           .low_resolution = 1,
                           .low_resolution_min = 0.01,
                           .blur = 1,
                           .blur_sigma = 9,
                           .contrast = 1,
                           .erase = 1,
                           .erase_area = 1};
  for (uint64_t draw = 0; draw < 50; ++draw) {
    EXPECT_EQ(augmented(Image(1, 1, 1, 5), all, draw).pixels.size(), 1u);
    EXPECT_EQ(augmented(Image(1, 9, 3, 5), all, draw).pixels.size(), 27u);
  }
}

TEST(Augment, OptionsOutOfRangeAreNamed) {
  EXPECT_ERROR(check_options({.mirror = 1.5}), "option mirror is 1.5, it must be from 0 to 1");
  EXPECT_ERROR(check_options({.shift = -1}), "shift is -1");
  EXPECT_ERROR(check_options({.scale = 1}), "scale is 1");
  EXPECT_ERROR(check_options({.low_resolution_min = 0}), "low_resolution_min is 0");
  EXPECT_ERROR(check_options({.erase_area = std::nan("")}), "erase_area is nan");
}

}  // namespace
}  // namespace partialfc
