// A decoded image.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace partialfc {

struct Image {
  int height = 0;
  int width = 0;
  int channels = 0;             // 1 gray, 3 RGB
  std::vector<uint8_t> pixels;  // (height, width, channels), row-major, channels interleaved

  Image() = default;
  Image(int height, int width, int channels, uint8_t value = 0)
      : height(height),
        width(width),
        channels(channels),
        pixels(static_cast<size_t>(height) * width * channels, value) {}

  size_t row_bytes() const { return static_cast<size_t>(width) * channels; }
  uint8_t* row(int y) { return pixels.data() + y * row_bytes(); }
  const uint8_t* row(int y) const { return pixels.data() + y * row_bytes(); }
  uint8_t& at(int y, int x, int channel = 0) { return row(y)[x * channels + channel]; }
  uint8_t at(int y, int x, int channel = 0) const { return row(y)[x * channels + channel]; }
  bool operator==(const Image&) const = default;
};

}  // namespace partialfc
