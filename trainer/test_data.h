// What the tests of trainer/ and cli/ train on: small drawn images in a .rec set.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "partialfc/base/random.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/image_record.h"
#include "partialfc/data/record_index.h"
#include "partialfc/data/record_io.h"
#include "partialfc/data/verification_pack.h"

namespace partialfc {

struct LabelledImage {
  std::vector<std::byte> bytes;
  int64_t label = 0;
};

// PNG, 12 × 12 gray: the class's own pattern of 4 × 4 squares, and noise that is the image's.
inline LabelledImage draw_image(int64_t label, int64_t number) {
  RandomStream pattern(1, Purpose::kSyntheticData, label), noise(2, Purpose::kSyntheticData, label, number);
  int squares[16];
  for (int& square : squares) square = 30 + static_cast<int>(pattern.below(196));
  Image image(12, 12, 1);
  for (int y = 0; y < 12; ++y)
    for (int x = 0; x < 12; ++x)
      image.at(y, x) = static_cast<uint8_t>(squares[y / 3 * 4 + x / 3] + noise.below(41) - 20);
  return {encode_png(image), label};
}

// Class after class, `images` of each.
inline std::vector<LabelledImage> draw_classes(int64_t classes, int64_t images) {
  std::vector<LabelledImage> drawn;
  for (int64_t label = 0; label < classes; ++label)
    for (int64_t number = 0; number < images; ++number) drawn.push_back(draw_image(label, number));
  return drawn;
}

// A pack of pairs of other images than draw_classes() gives, every second pair of one class.
inline VerificationPack draw_pairs(int64_t pairs, int64_t classes) {
  VerificationPack pack;
  for (int64_t pair = 0; pair < pairs; ++pair) {
    pack.same.push_back(pair % 2);
    pack.images.push_back(draw_image(pair % classes, 1000).bytes);
    pack.images.push_back(draw_image((pair % 2 ? pair : pair + 1) % classes, 1001).bytes);
  }
  return pack;
}

// folder/train.rec with keys 0, 1, …, train.idx and property.
inline void write_set(const std::filesystem::path& folder, const std::vector<LabelledImage>& images,
                      int64_t num_classes) {
  RecordWriter writer(folder / "train.rec", folder / "train.idx");
  for (size_t key = 0; key < images.size(); ++key)
    writer.write(
        key, build_image_record(
                 {.labels = {static_cast<float>(images[key].label)}, .id = key, .image = images[key].bytes}));
  writer.close();
  write_property(folder / "property", {.num_classes = num_classes, .height = 12, .width = 12});
}

}  // namespace partialfc
