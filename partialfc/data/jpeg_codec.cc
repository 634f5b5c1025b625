#include <stdio.h>  // jpeglib.h needs FILE

#include <jpeglib.h>

#include <jerror.h>

#include <cstdlib>
#include <cstring>

#include "partialfc/base/error.h"
#include "partialfc/data/codec_trap.h"
#include "partialfc/data/image_codec.h"

namespace partialfc {

namespace {

// libjpeg's error manager, with the trap its callbacks find behind it.
struct ErrorManager {
  jpeg_error_mgr base;
  CodecTrap trap;
};

[[noreturn]] void jump_out(j_common_ptr info) {
  auto* manager = reinterpret_cast<ErrorManager*>(info->err);
  static_assert(sizeof(manager->trap.message) >= JMSG_LENGTH_MAX);
  manager->base.format_message(info, manager->trap.message);
  std::longjmp(manager->trap.place, 1);
}

// libjpeg only warns where data are missing or corrupt, and fills in gray. Those warnings are errors here; the rest
// (stray bytes between markers, versions) do no harm to the pixels.
void judge_message(j_common_ptr info, int level) {
  if (level >= 0) return;  // a trace
  switch (info->err->msg_code) {
    case JWRN_JPEG_EOF:
    case JWRN_HIT_MARKER:
    case JWRN_HUFF_BAD_CODE:
    case JWRN_ARITH_BAD_CODE:
    case JWRN_MUST_RESYNC:
    case JWRN_NOT_SEQUENTIAL:
    case JWRN_BOGUS_PROGRESSION:
      jump_out(info);
  }
}

void ignore_output(j_common_ptr) {}

jpeg_error_mgr* install(ErrorManager& manager) {
  jpeg_std_error(&manager.base);
  manager.base.error_exit = jump_out;
  manager.base.emit_message = judge_message;
  manager.base.output_message = ignore_output;
  return &manager.base;
}

struct Decompressor {
  ErrorManager manager;
  jpeg_decompress_struct info{};
  Decompressor() { info.err = install(manager); }
  ~Decompressor() { jpeg_destroy_decompress(&info); }
};

struct Compressor {
  ErrorManager manager;
  jpeg_compress_struct info{};
  unsigned char* out = nullptr;  // malloc'ed by libjpeg
  unsigned long out_bytes = 0;
  Compressor() { info.err = install(manager); }
  ~Compressor() {
    jpeg_destroy_compress(&info);
    std::free(out);
  }
};

[[noreturn]] void fail_damaged(const ErrorManager& manager) {
  fail("the JPEG image is damaged or of an unsupported kind: {}", manager.trap.message);
}

// CMYK pixels as Adobe writes them, inverted, to RGB.
Image cmyk_to_rgb(const std::vector<uint8_t>& cmyk, int height, int width) {
  Image image(height, width, 3);
  for (size_t i = 0; i < cmyk.size() / 4; ++i)
    for (int c = 0; c < 3; ++c)
      image.pixels[3 * i + c] = static_cast<uint8_t>((cmyk[4 * i + c] * cmyk[4 * i + 3] + 127) / 255);
  return image;
}

Image to_gray(const Image& rgb) {
  Image gray(rgb.height, rgb.width, 1);
  for (size_t i = 0; i < gray.pixels.size(); ++i) gray.pixels[i] = detail::luma(&rgb.pixels[3 * i]);
  return gray;
}

// Rows (height, width, components) of the image whose header has been read.
void read_rows(Decompressor& jpeg, int components, std::vector<uint8_t>& rows) {
  auto& info = jpeg.info;
  const size_t row_bytes = size_t{info.image_width} * components;
  rows.resize(row_bytes * info.image_height);
  const bool whole = attempt(jpeg.manager.trap, [&] {
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
      JSAMPROW row = rows.data() + info.output_scanline * row_bytes;
      jpeg_read_scanlines(&info, &row, 1);
    }
    jpeg_finish_decompress(&info);
  });
  if (!whole) fail_damaged(jpeg.manager);
}

}  // namespace

Image detail::decode_jpeg(std::span<const std::byte> encoded, int channels) {
  Decompressor jpeg;
  auto& info = jpeg.info;
  const bool known = attempt(jpeg.manager.trap, [&] {
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, reinterpret_cast<const unsigned char*>(encoded.data()), encoded.size());
    jpeg_read_header(&info, TRUE);
  });
  if (!known) fail_damaged(jpeg.manager);
  check_image_size(info.image_height, info.image_width);

  const int height = static_cast<int>(info.image_height);
  const int width = static_cast<int>(info.image_width);
  if (info.jpeg_color_space == JCS_CMYK || info.jpeg_color_space == JCS_YCCK) {
    if (!info.saw_Adobe_marker) fail("a CMYK JPEG image that is not Adobe's is not supported");
    info.out_color_space = JCS_CMYK;
    std::vector<uint8_t> cmyk;
    read_rows(jpeg, 4, cmyk);
    Image rgb = cmyk_to_rgb(cmyk, height, width);
    return channels == 3 ? rgb : to_gray(rgb);
  }
  info.out_color_space = channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
  Image image;
  image.height = height, image.width = width, image.channels = channels;
  read_rows(jpeg, channels, image.pixels);
  return image;
}

std::vector<std::byte> encode_jpeg(const Image& image, int quality) {
  PFC_CHECK(image.channels == 1 || image.channels == 3, "{} channels", image.channels);
  if (quality < 1 || quality > 100) fail("JPEG quality {}: from 1 to 100", quality);
  detail::check_image_size(image.height, image.width);
  Compressor jpeg;
  auto& info = jpeg.info;
  const bool done = attempt(jpeg.manager.trap, [&] {
    jpeg_create_compress(&info);
    jpeg_mem_dest(&info, &jpeg.out, &jpeg.out_bytes);
    info.image_height = image.height;
    info.image_width = image.width;
    info.input_components = image.channels;
    info.in_color_space = image.channels == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&info);
    jpeg_set_quality(&info, quality, TRUE);
    jpeg_start_compress(&info, TRUE);
    while (info.next_scanline < info.image_height) {
      JSAMPROW row = const_cast<JSAMPROW>(image.row(static_cast<int>(info.next_scanline)));
      jpeg_write_scanlines(&info, &row, 1);
    }
    jpeg_finish_compress(&info);
  });
  if (!done) fail("cannot encode as JPEG: {}", jpeg.manager.trap.message);
  const auto* bytes = reinterpret_cast<const std::byte*>(jpeg.out);
  return {bytes, bytes + jpeg.out_bytes};
}

}  // namespace partialfc
