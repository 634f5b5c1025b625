// bench io: what it prints can be relied upon.
#include <nlohmann/json.hpp>

#include "cli/program_fixture.h"

namespace partialfc {
namespace {

using testing::AllOf;
using testing::HasSubstr;

class BenchIo : public ProgramTest {
 protected:
  BenchIo() { write_images(draw_classes(20, 6), 20); }
  ChildResult io(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"bench", "io", "--seconds=0.05"});
    return run(arguments);
  }
  nlohmann::json io_json(std::vector<std::string> arguments) {
    arguments.push_back("--json");
    const ChildResult result = io(arguments);
    expect_done(result);
    EXPECT_EQ(result.err, "");
    return nlohmann::json::parse(result.out);
  }
  void write_jpegs() {
    std::vector<LabelledImage> images;
    for (int64_t label = 0; label < 20; ++label)
      images.push_back({encode_jpeg(decode_image(draw_image(label, 0).bytes, 3), 90), label});
    write_images(images, 20);
  }
};

TEST_F(BenchIo, MeasuresEachPartOfARecipesInput) {
  const auto json = io_json({"r.toml"});
  EXPECT_EQ(json["images"], 120);
  EXPECT_DOUBLE_EQ(json["image_bytes"],
                   static_cast<double>(std::filesystem::file_size(folder_ / "set/train.rec")) / 120);
  EXPECT_EQ(json["threads"], 1);  // the recipe's
  EXPECT_EQ(json["order"], "full");
  for (const char* part : {"memory", "decode", "decode_on_all", "augment", "loader"}) {
    EXPECT_GT(json[part]["images_per_second"], 0) << part;
    EXPECT_GT(json[part]["bytes_per_second"], 0) << part;
  }
  EXPECT_TRUE(json["bare_decode"].is_null());  // PNG
  if (!json["disk"].is_null()) {
    for (const char* part : {"in_order", "forward", "bare"})
      EXPECT_GT(json["disk"][part]["bytes_per_second"], 0);
  }
  EXPECT_LT(json["loader"]["images_per_second"], json["memory"]["images_per_second"]);
}

TEST_F(BenchIo, JpegIsMeasuredBesideBareLibjpegTurbo) {
  write_jpegs();
  const auto json = io_json({"set/train.rec", "--threads=2"});
  EXPECT_EQ(json["threads"], 2);
  EXPECT_GT(json["bare_decode"]["images_per_second"], 0);
  const ChildResult table = io({"set/train.rec"});
  expect_done(table);
  EXPECT_THAT(table.out, AllOf(HasSubstr("20 images"), HasSubstr("of libjpeg-turbo's"),
                               HasSubstr("of decode on as many"), HasSubstr("bound")));
}

TEST_F(BenchIo, OneLineSaysWhatBoundsTheRun) {
  const auto idle = io_json({"r.toml", "--needs=0.001"});
  EXPECT_EQ(idle["bound"], "training");
  EXPECT_THAT(idle["bound_line"].get<std::string>(),
              HasSubstr("training bounds the run: it takes 0 images/s"));
  const auto busy = io_json({"r.toml", "--needs=1e12"});
  EXPECT_THAT(busy["bound"].get<std::string>(), testing::AnyOf("disk", "cores"));
  EXPECT_THAT(busy["bound_line"].get<std::string>(),
              HasSubstr("of the 1000000000000 that training could take"));
}

TEST_F(BenchIo, MeasuresAnOrderByShards) {
  std::string recipe = read_text_file(folder_ / "r.toml");
  recipe.replace(recipe.find("[data]\n"), 7, "[data]\norder = \"shards\"\nshard_megabytes = 1\n");
  write_file_atomically(folder_ / "shards.toml", recipe);
  EXPECT_EQ(io_json({"shards.toml"})["order"], "shards");
}

TEST_F(BenchIo, WhatCannotBeMeasuredIsRefused) {
  write_file_atomically(folder_ / "list.txt", "a.png 0\n");
  expect_failure(io({"list.txt"}), kWrongUsage,
                 {"list.txt: only a .rec file", "partialfc pack list.txt OUT"});
  expect_failure(io({"none.rec"}), kFailed, {"none.rec: cannot open"});
  write_images({draw_image(1, 1), {{std::byte{1}}, 2}}, 20);
  expect_failure(io({"set"}), kFailed, {"train.rec, key 1: neither a JPEG nor a PNG"});
  EXPECT_EQ(io({"r.toml", "--threads=-1"}).exit_code, kWrongUsage);
  EXPECT_EQ(io({}).exit_code, kWrongUsage);
}

}  // namespace
}  // namespace partialfc
