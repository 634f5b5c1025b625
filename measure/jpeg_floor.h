// What decoding JPEG costs at least: libjpeg-turbo's own interface, one decompressor and one buffer for all images, the
// same pixels as decode_image() makes (accurate inverse DCT, smooth upsampling of the colours).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace partialfc {

class JpegFloor {
 public:
  explicit JpegFloor(int channels);  // 1 gray, 3 RGB

  // (height, width, channels), valid until the next call. Error where the image cannot be decoded.
  std::span<const uint8_t> decode(std::span<const std::byte> jpeg);

 private:
  struct Destroy {
    void operator()(void* decompressor) const;
  };
  std::unique_ptr<void, Destroy> decompressor_;
  int channels_;
  std::vector<uint8_t> pixels_;
};

}  // namespace partialfc
