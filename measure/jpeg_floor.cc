#include "measure/jpeg_floor.h"

#include <turbojpeg.h>

#include <new>

#include "partialfc/base/error.h"

namespace partialfc {

void JpegFloor::Destroy::operator()(void* decompressor) const { tjDestroy(decompressor); }

JpegFloor::JpegFloor(int channels) : decompressor_(tjInitDecompress()), channels_(channels) {
  if (decompressor_ == nullptr) throw std::bad_alloc();
}

std::span<const uint8_t> JpegFloor::decode(std::span<const std::byte> jpeg) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(jpeg.data());
  const auto check = [&](int status) {
    if (status != 0) fail("libjpeg-turbo: {}", tjGetErrorStr2(decompressor_.get()));
  };
  int width = 0, height = 0, subsampling = 0, colours = 0;
  check(
      tjDecompressHeader3(decompressor_.get(), bytes, jpeg.size(), &width, &height, &subsampling, &colours));
  const size_t needed = size_t(width) * height * channels_;
  if (pixels_.size() < needed) pixels_.resize(needed);
  check(tjDecompress2(decompressor_.get(), bytes, jpeg.size(), pixels_.data(), width, 0, height,
                      channels_ == 3 ? TJPF_RGB : TJPF_GRAY, 0));
  return std::span(pixels_).first(needed);
}

}  // namespace partialfc
