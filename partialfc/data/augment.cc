#include "partialfc/data/augment.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "partialfc/base/error.h"
#include "partialfc/data/image_ops.h"
#include "partialfc/data/resize.h"

namespace partialfc {

namespace {

double radians(double degrees) { return degrees * std::numbers::pi / 180; }

// 1 ± amount.
double factor(RandomStream& random, double amount) { return 1 + random.uniform(-amount, amount); }

// Scale, shear along x and rotation of the image; the map goes from the result back to it, so all are inverted.
AffineMap draw_affine(const AugmentOptions& options, RandomStream& random) {
  const double angle = radians(random.uniform(-options.rotate, options.rotate));
  const double shear = std::tan(radians(random.uniform(-options.shear, options.shear)));
  const double inverse_scale = 1 / factor(random, options.scale);
  const double cosine = std::cos(angle) * inverse_scale, sine = std::sin(angle) * inverse_scale;
  // [y x] source = [[1 0] [shear 1]] · [[cos sin] [−sin cos]] · [y x] result
  return {.yy = cosine,
          .yx = sine,
          .y0 = random.uniform(-options.translate, options.translate),
          .xy = shear * cosine - sine,
          .xx = shear * sine + cosine,
          .x0 = random.uniform(-options.translate, options.translate)};
}

void lower_resolution(Image& image, double smallest, RandomStream& random) {
  const double scale = random.uniform(smallest, 1);
  const auto shrunk = [&](int size) { return std::max(1, static_cast<int>(std::lround(size * scale))); };
  image = resize(resize(image, shrunk(image.height), shrunk(image.width)), image.height, image.width);
}

void erase_rectangle(Image& image, const AugmentOptions& options, RandomStream& random) {
  const double area = random.uniform(0, options.erase_area) * image.height * image.width;
  const double ratio = std::exp2(random.uniform(-1, 1));
  const int height = std::min(image.height, static_cast<int>(std::lround(std::sqrt(area * ratio))));
  const int width = std::min(image.width, static_cast<int>(std::lround(std::sqrt(area / ratio))));
  const int y = static_cast<int>(random.below(image.height - height + 1));
  const int x = static_cast<int>(random.below(image.width - width + 1));
  fill_rectangle(image, y, x, height, width, options.fill);
}

}  // namespace

void check_options(const AugmentOptions& options) {
  const auto check = [](const char* name, double value, double low, double high) {
    if (!(value >= low && value <= high))
      fail_usage("augmentation option {} is {}, it must be from {} to {}", name, value, low, high);
  };
  check("mirror", options.mirror, 0, 1);
  check("shift", options.shift, 0, 1 << 14);
  check("rotate", options.rotate, 0, 180);
  check("scale", options.scale, 0, 0.99);
  check("shear", options.shear, 0, 80);
  check("translate", options.translate, 0, 1 << 14);
  check("low_resolution", options.low_resolution, 0, 1);
  check("low_resolution_min", options.low_resolution_min, 0.01, 1);
  check("blur", options.blur, 0, 1);
  check("blur_sigma", options.blur_sigma, 0, 100);
  check("brightness", options.brightness, 0, 1);
  check("contrast", options.contrast, 0, 1);
  check("saturation", options.saturation, 0, 1);
  check("gray", options.gray, 0, 1);
  check("erase", options.erase, 0, 1);
  check("erase_area", options.erase_area, 0, 1);
}

void augment(Image& image, const AugmentOptions& options, RandomStream& random) {
  const Border border{.repeat = options.repeat_border, .fill = options.fill};
  const auto happens = [&](double probability) { return probability > 0 && random.bernoulli(probability); };

  if (happens(options.mirror)) mirror(image);
  if (options.shift > 0) {
    const int dy = static_cast<int>(random.below(2 * options.shift + 1)) - options.shift;
    const int dx = static_cast<int>(random.below(2 * options.shift + 1)) - options.shift;
    image = shifted(image, dy, dx, border);
  }
  if (options.rotate > 0 || options.scale > 0 || options.shear > 0 || options.translate > 0)
    image = warped(image, draw_affine(options, random), border);
  if (happens(options.low_resolution)) lower_resolution(image, options.low_resolution_min, random);
  if (happens(options.blur)) {
    const double sigma = random.uniform(0, options.blur_sigma);
    if (sigma > 0.1) image = blurred(image, sigma);  // below, no pixel changes
  }
  if (options.brightness > 0) scale_brightness(image, factor(random, options.brightness));
  if (options.contrast > 0) scale_contrast(image, factor(random, options.contrast));
  if (options.saturation > 0) scale_saturation(image, factor(random, options.saturation));
  if (happens(options.gray)) scale_saturation(image, 0);
  if (happens(options.erase)) erase_rectangle(image, options, random);
}

}  // namespace partialfc
