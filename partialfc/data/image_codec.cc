#include "partialfc/data/image_codec.h"

#include <cstring>
#include <string_view>

#include "partialfc/base/error.h"

namespace partialfc {

Image decode_image(std::span<const std::byte> encoded, int channels) {
  PFC_CHECK(channels == 1 || channels == 3, "{} channels", channels);
  const auto starts_with = [&](std::string_view signature) {
    return encoded.size() >= signature.size() &&
           std::memcmp(encoded.data(), signature.data(), signature.size()) == 0;
  };
  if (starts_with("\xff\xd8\xff")) return detail::decode_jpeg(encoded, channels);
  if (starts_with("\x89PNG\r\n\x1a\n")) return detail::decode_png(encoded, channels);
  if (encoded.empty()) fail("the image is empty");
  fail("neither a JPEG nor a PNG image ({} bytes)", encoded.size());
}

void detail::check_image_size(uint64_t height, uint64_t width) {
  if (height == 0 || width == 0 || height * width > kMaxImagePixels)
    fail("an image of {} × {} pixels; from 1 to {} pixels are supported", height, width, kMaxImagePixels);
}

}  // namespace partialfc
