#include "measure/jpeg_floor.h"

#include <gmock/gmock.h>

#include <utility>
#include <vector>

#include "partialfc/base/random.h"
#include "partialfc/base/test_support.h"
#include "partialfc/data/image_codec.h"

namespace partialfc {
namespace {

// The floor does the same work: not one pixel differs.
TEST(JpegFloor, MakesThePixelsOfDecodeImage) {
  RandomStream random(1, Purpose::kSyntheticData);
  for (const int channels : {1, 3})
    for (const auto& [height, width] :
         std::vector<std::pair<int, int>>{{112, 112}, {17, 31}, {1, 1}, {64, 9}}) {
      Image image(height, width, channels);
      for (uint8_t& value : image.pixels) value = static_cast<uint8_t>(random.below(256));
      const std::vector<std::byte> encoded = encode_jpeg(image, 90);
      for (const int wanted : {1, 3}) {
        JpegFloor floor(wanted);
        const auto pixels = floor.decode(encoded);
        EXPECT_THAT(decode_image(encoded, wanted).pixels, testing::ElementsAreArray(pixels));
      }
    }
}

TEST(JpegFloor, ADamagedImageIsAnError) {
  JpegFloor floor(3);
  const std::vector<std::byte> bytes(10, std::byte{0xff});
  EXPECT_THAT(message_of([&] { floor.decode(bytes); }), testing::HasSubstr("libjpeg-turbo: "));
}

}  // namespace
}  // namespace partialfc
