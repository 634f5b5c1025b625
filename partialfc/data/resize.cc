#include "partialfc/data/resize.h"

#include <algorithm>
#include <cmath>

#include "partialfc/base/error.h"

namespace partialfc {

namespace {

constexpr int kWeightBits = 14;  // fixed point; sums of products stay within 32 bits

// How one pixel of the result is made: from inputs first … first + weights.size() − 1.
struct Taps {
  int first = 0;
  std::vector<int32_t> weights;  // their sum is 1 << kWeightBits
};

std::vector<Taps> make_taps(int in_size, int out_size) {
  const double factor = double(in_size) / out_size;
  const double radius = std::max(factor, 1.0);
  std::vector<Taps> all(out_size);
  for (int i = 0; i < out_size; ++i) {
    const double center = (i + 0.5) * factor - 0.5;
    const int first = std::max(0, static_cast<int>(std::ceil(center - radius)));
    const int last = std::min(in_size - 1, static_cast<int>(std::floor(center + radius)));
    std::vector<double> exact;
    double sum = 0;
    for (int j = first; j <= last; ++j) {
      exact.push_back(std::max(0.0, 1.0 - std::abs(j - center) / radius));
      sum += exact.back();
    }
    // Rounds the running sum, so that the rounded weights still sum to one.
    double running = 0;
    int32_t taken = 0;
    all[i].first = first;
    for (const double weight : exact) {
      running += weight / sum;
      const auto upto = static_cast<int32_t>(std::lround(running * (1 << kWeightBits)));
      all[i].weights.push_back(upto - taken);
      taken = upto;
    }
  }
  return all;
}

// in: `stride` elements between neighbours of the sum; one element of the result.
uint8_t weighted(const Taps& taps, const uint8_t* in, size_t stride) {
  int32_t sum = 1 << (kWeightBits - 1);
  in += taps.first * stride;
  for (const int32_t weight : taps.weights) sum += weight * *in, in += stride;
  return static_cast<uint8_t>(sum >> kWeightBits);
}

Image resize_width(const Image& image, int width) {
  const auto taps = make_taps(image.width, width);
  Image result(image.height, width, image.channels);
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < image.channels; ++c)
        result.at(y, x, c) = weighted(taps[x], image.row(y) + c, image.channels);
  return result;
}

Image resize_height(const Image& image, int height) {
  const auto taps = make_taps(image.height, height);
  const size_t row_bytes = image.row_bytes();
  Image result(height, image.width, image.channels);
  std::vector<int32_t> sums(row_bytes);
  for (int y = 0; y < height; ++y) {
    std::fill(sums.begin(), sums.end(), 1 << (kWeightBits - 1));
    const uint8_t* in = image.row(taps[y].first);
    for (const int32_t weight : taps[y].weights) {
      for (size_t i = 0; i < row_bytes; ++i) sums[i] += weight * in[i];
      in += row_bytes;
    }
    std::transform(sums.begin(), sums.end(), result.row(y),
                   [](int32_t sum) { return static_cast<uint8_t>(sum >> kWeightBits); });
  }
  return result;
}

}  // namespace

Image resize(Image image, int height, int width) {
  PFC_CHECK(height >= 1 && width >= 1 && image.height >= 1 && image.width >= 1);
  if (height == image.height && width == image.width) return image;
  return resize_width(resize_height(image, height), width);
}

}  // namespace partialfc
