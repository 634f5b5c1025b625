// The operations that augment() draws from, each without any chance in it.
#pragma once

#include <cstdint>

#include "partialfc/data/image.h"

namespace partialfc {

// The pixels around an image.
struct Border {
  bool repeat = false;  // the nearest pixel of the image; otherwise `fill`
  uint8_t fill = 0;
};

void mirror(Image& image);

// out(y, x) = in(y + dy, x + dx).
Image shifted(const Image& image, int dy, int dx, Border border);

// Where an output pixel comes from: in (y, x) relative to the image's centre,
//   source_y = yy·y + yx·x + y0,   source_x = xy·y + xx·x + x0
struct AffineMap {
  double yy = 1, yx = 0, y0 = 0;
  double xy = 0, xx = 1, x0 = 0;
};
Image warped(const Image& image, const AffineMap& map, Border border);  // bilinear

// Gaussian of standard deviation `sigma` > 0 pixels, cut off at 3 sigma; the border is repeated.
Image blurred(const Image& image, double sigma);

// v → clamp(center + factor·(v − center)), with the center 0, the mean luma, or the pixel's luma.
void scale_brightness(Image& image, double factor);
void scale_contrast(Image& image, double factor);
void scale_saturation(Image& image, double factor);  // 0 removes the colours

void fill_rectangle(Image& image, int y, int x, int height, int width, uint8_t value);

}  // namespace partialfc
