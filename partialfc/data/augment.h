// Random changes to training images. What happens to an image is a function of the RandomStream handed in, and of
// nothing else. The options below are applied in their order here; each is off at its default.
#pragma once

#include <cstdint>

#include "partialfc/base/random.h"
#include "partialfc/data/image.h"

namespace partialfc {

struct AugmentOptions {
  double mirror = 0;  // probability of a left-right mirror image; 0.5 is usual for faces

  int shift = 0;  // random crop of the image padded by this many pixels on each side

  // Affine jitter about the centre, bilinear. Each value is drawn from ± its option.
  double rotate = 0;     // degrees
  double scale = 0;      // 0.1: by a factor of 0.9 … 1.1, below 1
  double shear = 0;      // degrees
  double translate = 0;  // pixels, in each direction

  // What lies outside the image after `shift` and the affine jitter.
  bool repeat_border = false;  // the nearest pixel; otherwise `fill`
  uint8_t fill = 0;

  double low_resolution = 0;      // probability of shrinking and enlarging again …
  double low_resolution_min = 1;  // … by a factor of this … 1, above 0

  double blur = 0;        // probability of a Gaussian blur …
  double blur_sigma = 0;  // … with a standard deviation of 0 … this many pixels

  // Factors of 1 ± the option.
  double brightness = 0;
  double contrast = 0;    // about the image's mean luma
  double saturation = 0;  // about each pixel's luma; no change to gray images

  double gray = 0;  // probability of losing the colours

  double erase = 0;       // probability of a rectangle of `fill` …
  double erase_area = 0;  // … that covers 0 … this share of the image, height : width of 1/2 … 2
};

// Throws Error that names an option out of its range.
void check_options(const AugmentOptions& options);

void augment(Image& image, const AugmentOptions& options, RandomStream& random);

}  // namespace partialfc
