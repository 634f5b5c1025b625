// partialfc-omniglot: the Omniglot images, unpacked, as a training set and a verification pack.
//
// Trained are the classes of images_background (964 characters). A character turned by 90, 180 and 270 degrees counts
// as a further class each, as is usual for this set: 3,856 classes. Verified are pairs of the classes of
// images_evaluation (659 characters, none of them trained), half of them two drawings of one character.
// Ink is white on black, so that what augmentation moves in is background.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <map>
#include <vector>

#include "partialfc/base/error.h"
#include "partialfc/base/file.h"
#include "partialfc/base/random.h"
#include "partialfc/data/folder_source.h"
#include "partialfc/data/image_codec.h"
#include "partialfc/data/image_record.h"
#include "partialfc/data/record_index.h"
#include "partialfc/data/record_io.h"
#include "partialfc/data/resize.h"
#include "partialfc/data/verification_pack.h"

namespace {

using namespace partialfc;
namespace fs = std::filesystem;

struct Arguments {
  std::string input, output;
  int size = 40;
  int64_t pairs = 6000;
  uint64_t seed = 1;
};

Image drawing_of(const ImageSource& source, int64_t index, int size) {
  Image image = decode_image(source.read(index).bytes, 1);
  for (uint8_t& pixel : image.pixels) pixel = static_cast<uint8_t>(255 - pixel);
  return resize(std::move(image), size, size);
}

Image quarter_turned(const Image& image) {
  Image turned(image.width, image.height, image.channels);
  for (int y = 0; y < turned.height; ++y)
    for (int x = 0; x < turned.width; ++x) turned.at(y, x) = image.at(x, image.width - 1 - y);
  return turned;
}

int64_t write_training_set(const ImageSource& source, const Arguments& arguments) {
  const fs::path output = arguments.output;
  RecordWriter writer(output / "train.rec", output / "train.idx");
  uint64_t key = 0;
  for (int64_t index = 0; index < source.size(); ++index) {
    const int64_t label = source.read(index).label;
    Image image = drawing_of(source, index, arguments.size);
    for (int turns = 0; turns < 4; ++turns) {
      const auto encoded = encode_png(image);
      const auto turned_label = static_cast<float>(label + turns * source.num_classes());
      writer.write(key, build_image_record({.labels = {turned_label}, .id = key, .image = encoded}));
      ++key;
      image = quarter_turned(image);
    }
  }
  writer.close();
  write_property(output / "property", {4 * source.num_classes(), arguments.size, arguments.size});
  return static_cast<int64_t>(key);
}

// Pairs alternate: two drawings of one class, two drawings of two classes.
void write_pairs(const ImageSource& source, const Arguments& arguments) {
  std::map<int64_t, std::vector<int64_t>> drawings;  // of each class
  for (int64_t index = 0; index < source.size(); ++index) drawings[source.read(index).label].push_back(index);
  RandomStream random(arguments.seed, Purpose::kVerificationPairs);
  const auto pick = [&](int64_t label) {
    const auto& of_class = drawings.at(label);
    return of_class[random.below(std::ssize(of_class))];
  };
  VerificationPack pack;
  for (int64_t pair = 0; pair < arguments.pairs; ++pair) {
    const bool same = pair % 2 == 0;
    const int64_t first_class = random.below(source.num_classes());
    const int64_t first = pick(first_class);
    int64_t second = first;
    while (second == first) {
      int64_t other = random.below(source.num_classes());
      if (same || other == first_class) other = same ? first_class : (other + 1) % source.num_classes();
      second = pick(other);
    }
    for (const int64_t index : {first, second})
      pack.images.push_back(encode_png(drawing_of(source, index, arguments.size)));
    pack.same.push_back(same);
  }
  write_verification_pack(fs::path(arguments.output) / "unseen_characters.bin", pack);
}

void make_set(const Arguments& arguments) {
  const FolderSource background(fs::path(arguments.input) / "images_background");
  const FolderSource evaluation(fs::path(arguments.input) / "images_evaluation");
  create_folders(arguments.output);
  const int64_t images = write_training_set(background, arguments);
  write_pairs(evaluation, arguments);
  fmt::print("{}: {} images of {} x 4 classes; {} pairs of {} other classes\n", arguments.output, images,
             background.num_classes(), arguments.pairs, evaluation.num_classes());
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app("Turns the unpacked Omniglot images into a training set and a verification pack.",
               "partialfc-omniglot");
  app.add_option("input", arguments.input, "Folder with images_background and images_evaluation")->required();
  app.add_option("output", arguments.output, "Folder for train.rec and unseen_characters.bin")->required();
  app.add_option("--size", arguments.size, "Height and width, pixels")
      ->capture_default_str()
      ->check(CLI::Range(8, 105));
  app.add_option("--pairs", arguments.pairs, "Half of them same")
      ->capture_default_str()
      ->check(CLI::Range(20, 1000000));
  app.add_option("--seed", arguments.seed, "Of the pairs")->capture_default_str();
  try {
    app.parse(argc, argv);
    make_set(arguments);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  } catch (const std::exception& error) {
    fmt::print(stderr, "partialfc-omniglot: {}\n", error.what());
    return 1;
  }
}
