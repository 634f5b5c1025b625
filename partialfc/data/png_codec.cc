#include <png.h>

#include <cstdio>
#include <cstring>

#include "partialfc/base/error.h"
#include "partialfc/data/codec_trap.h"
#include "partialfc/data/image_codec.h"

namespace partialfc {

namespace {

// Images up to this many pixels are written without row filters and with zlib's small tables.
constexpr uint64_t kSmallImagePixels = 128 * 128;

[[noreturn]] void jump_out(png_structp png, png_const_charp message) {
  auto* trap = static_cast<CodecTrap*>(png_get_error_ptr(png));
  std::snprintf(trap->message, sizeof(trap->message), "%s", message);
  std::longjmp(trap->place, 1);
}

// libpng's warnings are of ancillary chunks; damage to the pixels is an error.
void ignore_warning(png_structp, png_const_charp) {}

struct PngReader {
  CodecTrap trap;
  png_structp png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &trap, jump_out, ignore_warning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  std::span<const std::byte> rest;  // not yet read
  ~PngReader() { png_destroy_read_struct(&png, &info, nullptr); }
};

struct PngWriter {
  CodecTrap trap;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &trap, jump_out, ignore_warning);
  png_infop info = png != nullptr ? png_create_info_struct(png) : nullptr;
  std::vector<std::byte> out;
  ~PngWriter() { png_destroy_write_struct(&png, &info); }
};

void read_bytes(png_structp png, png_bytep out, size_t count) {
  auto* reader = static_cast<PngReader*>(png_get_io_ptr(png));
  if (count > reader->rest.size()) png_error(png, "it is cut short");
  std::memcpy(out, reader->rest.data(), count);
  reader->rest = reader->rest.subspan(count);
}

// Appends to a vector whose capacity the caller has reserved; a jump out of here must not skip a destructor.
void write_bytes(png_structp png, png_bytep bytes, size_t count) {
  auto& out = static_cast<PngWriter*>(png_get_io_ptr(png))->out;
  const auto* begin = reinterpret_cast<const std::byte*>(bytes);
  out.insert(out.end(), begin, begin + count);
}

// Sets libpng up to give 8-bit gray or RGB, each with or without alpha.
void expand_to_8_bits(png_structp png, png_infop info) {
  png_set_expand(png);    // palette, 1, 2, 4 bits, transparent colour
  png_set_scale_16(png);  // rounded
  png_set_interlace_handling(png);
  png_read_update_info(png, info);
}

uint8_t over_white(uint8_t value, uint8_t alpha) {
  return static_cast<uint8_t>((value * alpha + 255 * (255 - alpha) + 127) / 255);
}

// pixels (count, samples) with samples = 1 gray, 2 gray + alpha, 3 RGB, 4 RGB + alpha → out (count, channels).
void convert(const uint8_t* pixels, int samples, uint8_t* out, int channels, size_t count) {
  const int colours = samples >= 3 ? 3 : 1;
  for (size_t i = 0; i < count; ++i, pixels += samples, out += channels) {
    uint8_t rgb[3];
    for (int c = 0; c < 3; ++c) {
      rgb[c] = pixels[colours == 3 ? c : 0];
      if (samples > colours) rgb[c] = over_white(rgb[c], pixels[colours]);
    }
    if (channels == 3)
      std::memcpy(out, rgb, 3);
    else
      *out = colours == 3 ? detail::luma(rgb) : rgb[0];
  }
}

}  // namespace

Image detail::decode_png(std::span<const std::byte> encoded, int channels) {
  PngReader reader;
  reader.rest = encoded;
  if (reader.info == nullptr) throw std::bad_alloc();
  const auto check = [&](bool whole) {
    if (!whole) fail("the PNG image is damaged or of an unsupported kind: {}", reader.trap.message);
  };
  check(attempt(reader.trap, [&] {
    png_set_read_fn(reader.png, &reader, read_bytes);
    png_read_info(reader.png, reader.info);
  }));
  const auto height = png_get_image_height(reader.png, reader.info);
  const auto width = png_get_image_width(reader.png, reader.info);
  check_image_size(height, width);

  check(attempt(reader.trap, [&] { expand_to_8_bits(reader.png, reader.info); }));
  const int samples = png_get_channels(reader.png, reader.info);
  std::vector<uint8_t> pixels(size_t{height} * width * samples);
  std::vector<png_bytep> rows(height);
  for (size_t y = 0; y < height; ++y) rows[y] = pixels.data() + y * width * samples;
  check(attempt(reader.trap, [&] {
    png_read_image(reader.png, rows.data());
    png_read_end(reader.png, nullptr);
  }));

  Image image(static_cast<int>(height), static_cast<int>(width), channels);
  if (samples == channels)
    image.pixels = std::move(pixels);
  else
    convert(pixels.data(), samples, image.pixels.data(), channels, size_t{height} * width);
  return image;
}

std::vector<std::byte> encode_png(const Image& image, int level) {
  PFC_CHECK(image.channels == 1 || image.channels == 3, "{} channels", image.channels);
  if (level < 0 || level > 9) fail("PNG compression level {}: from 0 to 9", level);
  detail::check_image_size(image.height, image.width);
  PngWriter writer;
  if (writer.info == nullptr) throw std::bad_alloc();
  const bool small = uint64_t(image.height) * image.width <= kSmallImagePixels;
  writer.out.reserve(image.pixels.size() + image.pixels.size() / 8 + 1024);
  const bool done = attempt(writer.trap, [&] {
    png_set_write_fn(writer.png, &writer, write_bytes, nullptr);
    png_set_IHDR(writer.png, writer.info, image.width, image.height, 8,
                 image.channels == 3 ? PNG_COLOR_TYPE_RGB : PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(writer.png, level);
    if (small) {
      png_set_filter(writer.png, PNG_FILTER_TYPE_BASE, PNG_FILTER_NONE);
      png_set_compression_mem_level(writer.png, 5);
    }
    png_write_info(writer.png, writer.info);
    for (int y = 0; y < image.height; ++y) png_write_row(writer.png, image.row(y));
    png_write_end(writer.png, nullptr);
  });
  if (!done) fail("cannot encode as PNG: {}", writer.trap.message);
  return std::move(writer.out);
}

}  // namespace partialfc
