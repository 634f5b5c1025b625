#include "partialfc/data/image_codec.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <png.h>
#include <stdio.h>  // jpeglib.h needs FILE

#include <jpeglib.h>

#include <cstdlib>

#include "partialfc/base/random.h"
#include "partialfc/data/test_files.h"

namespace partialfc {
namespace {

Image noise(int height, int width, int channels) {
  Image image(height, width, channels);
  RandomStream stream(1, Purpose::kSyntheticData, height, width);
  for (auto& value : image.pixels) value = static_cast<uint8_t>(stream.below(256));
  return image;
}

// Smooth in both directions, so that JPEG keeps it well.
Image ramp(int height, int width, int channels) {
  Image image(height, width, channels);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < channels; ++c) image.at(y, x, c) = static_cast<uint8_t>(20 + y + x / 2 + 20 * c);
  return image;
}

int largest_difference(const Image& a, const Image& b) {
  EXPECT_EQ(a.pixels.size(), b.pixels.size());
  int largest = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i)
    largest = std::max(largest, std::abs(a.pixels[i] - b.pixels[i]));
  return largest;
}

// A PNG of any kind libpng can write. `rows` (height, bytes a row) is in the file's own layout.
struct PngKind {
  int color_type;
  int bits;
  int interlace = PNG_INTERLACE_NONE;
  std::vector<png_color> palette = {};
  std::vector<uint8_t> palette_alpha = {};
};
std::vector<std::byte> write_png(const PngKind& kind, int width, std::vector<std::vector<uint8_t>> rows) {
  std::vector<std::byte> out;
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  const auto append = [](png_structp writer, png_bytep bytes, size_t count) {
    auto* target = static_cast<std::vector<std::byte>*>(png_get_io_ptr(writer));
    const auto* begin = reinterpret_cast<const std::byte*>(bytes);
    target->insert(target->end(), begin, begin + count);
  };
  png_set_write_fn(png, &out, append, nullptr);
  png_set_IHDR(png, info, width, rows.size(), kind.bits, kind.color_type, kind.interlace,
               PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
  if (!kind.palette.empty())
    png_set_PLTE(png, info, kind.palette.data(), static_cast<int>(kind.palette.size()));
  if (!kind.palette_alpha.empty())
    png_set_tRNS(png, info, kind.palette_alpha.data(), static_cast<int>(kind.palette_alpha.size()), nullptr);
  png_write_info(png, info);
  std::vector<png_bytep> pointers;
  for (auto& row : rows) pointers.push_back(row.data());
  png_write_image(png, pointers.data());
  png_write_end(png, nullptr);
  png_destroy_write_struct(&png, &info);
  return out;
}

using Pixels = std::vector<uint8_t>;

TEST(Png, EveryKindIsTurnedInto8Bits) {
  const auto gray = [](const std::vector<std::byte>& png) { return decode_image(png, 1).pixels; };
  const auto rgb = [](const std::vector<std::byte>& png) { return decode_image(png, 3).pixels; };
  const auto one_bit = write_png({PNG_COLOR_TYPE_GRAY, 1}, 10, {{0b10110000, 0b01000000}});
  EXPECT_EQ(gray(one_bit), (Pixels{255, 0, 255, 255, 0, 0, 0, 0, 0, 255}));
  const auto two_bits = write_png({PNG_COLOR_TYPE_GRAY, 2}, 4, {{0b00011011}});
  EXPECT_EQ(gray(two_bits), (Pixels{0, 85, 170, 255}));
  EXPECT_EQ(rgb(two_bits), (Pixels{0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255}));
  const auto sixteen = write_png({PNG_COLOR_TYPE_GRAY, 16}, 3, {{0x12, 0x00, 0x12, 0xff, 0xff, 0xff}});
  EXPECT_EQ(gray(sixteen), (Pixels{0x12, 0x13, 0xff}));  // rounded
  const auto sixteen_rgb = write_png({PNG_COLOR_TYPE_RGB, 16}, 1, {{1, 0, 2, 0, 3, 0}});
  EXPECT_EQ(rgb(sixteen_rgb), (Pixels{1, 2, 3}));
  const auto palette =
      write_png({PNG_COLOR_TYPE_PALETTE, 4, PNG_INTERLACE_NONE, {{9, 8, 7}, {255, 0, 0}}}, 3, {{0x01, 0x10}});
  EXPECT_EQ(rgb(palette), (Pixels{9, 8, 7, 255, 0, 0, 255, 0, 0}));
  EXPECT_EQ(gray(palette)[1], 76);
}

TEST(Png, TransparentPixelsAreBlendedWithWhite) {
  const auto gray_alpha = write_png({PNG_COLOR_TYPE_GRAY_ALPHA, 8}, 3, {{0, 0, 100, 255, 0, 51}});
  EXPECT_EQ(decode_image(gray_alpha, 1).pixels, (Pixels{255, 100, 204}));
  const auto rgb_alpha = write_png({PNG_COLOR_TYPE_RGB_ALPHA, 8}, 1, {{200, 100, 0, 51}});
  EXPECT_EQ(decode_image(rgb_alpha, 3).pixels, (Pixels{244, 224, 204}));
  const auto palette =
      write_png({PNG_COLOR_TYPE_PALETTE, 8, PNG_INTERLACE_NONE, {{0, 0, 0}, {10, 20, 30}}, {0}}, 2, {{0, 1}});
  EXPECT_EQ(decode_image(palette, 3).pixels, (Pixels{255, 255, 255, 10, 20, 30}));
}

TEST(Png, InterlacedImagesAreRead) {
  const Image image = noise(9, 13, 1);
  std::vector<std::vector<uint8_t>> rows;
  for (int y = 0; y < 9; ++y) rows.emplace_back(image.row(y), image.row(y) + 13);
  EXPECT_EQ(decode_image(write_png({PNG_COLOR_TYPE_GRAY, 8, PNG_INTERLACE_ADAM7}, 13, rows), 1), image);
}

TEST(Png, IsLosslessAtEverySizeAndLevel) {
  for (int channels : {1, 3})
    for (auto [height, width] : {std::pair{1, 1}, {1, 9}, {40, 40}, {7, 3}, {300, 301}})
      for (int level : {0, 1, 9}) {
        const Image image = noise(height, width, channels);
        EXPECT_EQ(decode_image(encode_png(image, level), channels), image);
      }
}

TEST(Png, ChannelsAreThoseAskedFor) {
  const Image gray = noise(5, 6, 1);
  const Image as_rgb = decode_image(encode_png(gray), 3);
  ASSERT_EQ(as_rgb.channels, 3);
  for (int y = 0; y < 5; ++y)
    for (int x = 0; x < 6; ++x)
      for (int c = 0; c < 3; ++c) EXPECT_EQ(as_rgb.at(y, x, c), gray.at(y, x));
  EXPECT_EQ(decode_image(encode_png(as_rgb), 1), gray);  // the luma of gray is itself

  Image red(1, 1, 3);
  red.pixels = {255, 0, 0};
  EXPECT_EQ(decode_image(encode_png(red), 1).pixels[0], 76);  // 0.299 · 255
}

TEST(Jpeg, IsCloseAtHighQualityInEveryChannelCount) {
  for (auto [height, width] : {std::pair{1, 1}, {8, 8}, {61, 47}, {112, 112}}) {
    const Image gray = ramp(height, width, 1);
    EXPECT_LE(largest_difference(decode_image(encode_jpeg(gray, 95), 1), gray), 6);
    const Image rgb = ramp(height, width, 3);
    const auto encoded = encode_jpeg(rgb, 95);
    EXPECT_LE(largest_difference(decode_image(encoded, 3), rgb), 10);
    Image luma(height, width, 1);
    for (size_t i = 0; i < luma.pixels.size(); ++i) luma.pixels[i] = detail::luma(&rgb.pixels[3 * i]);
    EXPECT_LE(largest_difference(decode_image(encoded, 1), luma), 6);
    EXPECT_EQ(decode_image(encode_jpeg(gray, 95), 3).channels, 3);
  }
  EXPECT_LT(encode_jpeg(noise(64, 64, 3), 10).size(), encode_jpeg(noise(64, 64, 3), 90).size() / 2);
}

// libjpeg marks CMYK as Adobe's, where 255 is no ink.
TEST(Jpeg, AdobeCmykIsTurnedIntoRgb) {
  jpeg_compress_struct info{};
  jpeg_error_mgr manager;
  info.err = jpeg_std_error(&manager);
  jpeg_create_compress(&info);
  unsigned char* out = nullptr;
  unsigned long out_bytes = 0;
  jpeg_mem_dest(&info, &out, &out_bytes);
  info.image_height = info.image_width = 8;
  info.input_components = 4;
  info.in_color_space = JCS_CMYK;
  jpeg_set_defaults(&info);
  jpeg_set_quality(&info, 100, TRUE);
  jpeg_start_compress(&info, TRUE);
  std::vector<uint8_t> line;
  for (int x = 0; x < 8; ++x) line.insert(line.end(), {255, 128, 0, 200});
  for (JSAMPROW row = line.data(); info.next_scanline < 8;) jpeg_write_scanlines(&info, &row, 1);
  jpeg_finish_compress(&info);
  jpeg_destroy_compress(&info);
  const auto encoded = std::as_bytes(std::span(out, out_bytes));

  const Image rgb = decode_image(encoded, 3), gray = decode_image(encoded, 1);
  EXPECT_NEAR(rgb.at(3, 5, 0), 200, 2);
  EXPECT_NEAR(rgb.at(3, 5, 1), 100, 2);
  EXPECT_NEAR(rgb.at(3, 5, 2), 0, 2);
  EXPECT_EQ(gray.at(3, 5), detail::luma(&rgb.pixels[3 * (3 * 8 + 5)]));
  std::free(out);
}

TEST(ImageCodec, ACutImageIsAnErrorNeverAPart) {
  const auto jpeg = encode_jpeg(noise(64, 64, 3), 90), png = encode_png(noise(64, 64, 3));
  EXPECT_ERROR(decode_image(std::span(jpeg).first(jpeg.size() / 2), 3), "the JPEG image is damaged");
  EXPECT_ERROR(decode_image(std::span(png).first(png.size() / 2), 3), "the PNG image is damaged");
  for (const auto& encoded : {encode_jpeg(noise(16, 16, 3), 90), encode_png(noise(16, 16, 1))})
    for (size_t size = 0; size < encoded.size(); ++size)
      EXPECT_THROW(decode_image(std::span(encoded).first(size), 3), Error) << size;
}

// Damage may decode to other pixels, but must never crash or take all memory.
TEST(ImageCodec, FlippedBitsThrowErrorOrSucceed) {
  for (const auto& encoded : {encode_jpeg(noise(16, 16, 3), 90), encode_png(noise(8, 8, 3))})
    for (size_t i = 3; i < encoded.size(); ++i)
      for (int bit = 0; bit < 8; bit += 3) {
        auto damaged = encoded;
        damaged[i] ^= std::byte{1} << bit;
        try {
          decode_image(damaged, 1);
        } catch (const Error&) {
        }
      }
}

TEST(ImageCodec, UnknownBytesAndOptionsAreRefused) {
  EXPECT_ERROR(decode_image({}, 3), "empty");
  EXPECT_ERROR(decode_image(to_bytes("GIF89a"), 3), "neither a JPEG nor a PNG image (6 bytes)");
  EXPECT_ERROR(encode_jpeg(noise(2, 2, 1), 0), "quality 0");
  EXPECT_ERROR(encode_png(noise(2, 2, 1), 10), "level 10");
  EXPECT_ERROR(encode_png(Image(0, 0, 1)), "0 × 0 pixels");
}

}  // namespace
}  // namespace partialfc
