// Encoded images to pixels and back. A damaged or unsupported image is an Error that says why; it knows no file:
// callers add that. Orientation tags and colour profiles are not applied.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "partialfc/data/image.h"

namespace partialfc {

// Larger images are refused: a damaged header must not take all memory.
inline constexpr uint64_t kMaxImagePixels = uint64_t{1} << 26;

// JPEG or PNG, told apart by the first bytes, as `channels` = 1 (gray) or 3 (RGB) whatever the file holds: palettes are
// looked up, 16 bits rounded to 8, transparent pixels blended with white, RGB turned to gray by BT.601's luma. An image
// that is cut short is an Error, never a part.
Image decode_image(std::span<const std::byte> encoded, int channels);

// Lossless. `level` 0 … 9 is zlib's: 1 is quick, 9 is small. Rows are filtered for images of photographs' size only:
// small ones gain nothing.
std::vector<std::byte> encode_png(const Image& image, int level = 1);

// `quality` 1 … 100.
std::vector<std::byte> encode_jpeg(const Image& image, int quality);

namespace detail {
Image decode_jpeg(std::span<const std::byte> encoded, int channels);
Image decode_png(std::span<const std::byte> encoded, int channels);
void check_image_size(uint64_t height, uint64_t width);
// BT.601 luma of an RGB pixel, in 16-bit fixed point. The weights sum to one: gray stays what it is.
inline uint8_t luma(const uint8_t* rgb) {
  return static_cast<uint8_t>((19595u * rgb[0] + 38470u * rgb[1] + 7471u * rgb[2] + 32768u) >> 16);
}
}  // namespace detail

}  // namespace partialfc
