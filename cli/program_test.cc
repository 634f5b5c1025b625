// The program's jobs on data of every kind, and its contracts: exit codes, outputs.
#include <sched.h>

#include <nlohmann/json.hpp>

#include <cmath>
#include <map>
#include <sstream>

#include "cli/program_fixture.h"
#include "partialfc/data/image_ops.h"
#include "partialfc/formats/npy.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

TEST_F(ProgramTest, HelpTellsEveryDefault) {
  struct Help {
    std::string subcommand;
    std::vector<std::string> parts, defaults;
  };
  for (const auto& [subcommand, parts, defaults] : std::vector<Help>{
           {"train",
            {"--timeout", "head.scale                     64.0", "data.max_skipped", "[sgd, adamw]"},
            {"600"}},
           {"pack", {"--quality", "--channels", "[keep]", "--max-skipped"}, {"95", "3", "0.001"}},
           {"verify", {"--batch", "[the recipe's]", "--json"}, {"256"}},
           {"embed", {"--batch", "--normalize", "[the recipe's]"}, {"256"}},
           {"launch", {"--num-proc", "[localhost:RANKS]", "--max-restarts", "--dry-run"}, {"0"}}}) {
    const ChildResult help = run({subcommand, "--help"});
    expect_done(help);
    for (const std::string& part : parts) EXPECT_THAT(help.out, HasSubstr(part)) << subcommand;
    for (const std::string& value : defaults) EXPECT_THAT(help.out, tells_default(value)) << subcommand;
    EXPECT_EQ(help.err, "");
  }
}

TEST_F(ProgramTest, WrongUsageIsToldWithStatusTwo) {
  for (const auto& arguments : std::vector<std::vector<std::string>>{
           {}, {"trian", "r.toml"}, {"pack", "a", "b", "--quality=0"}, {"verify", "--model", "run"}}) {
    const ChildResult result = run(arguments);
    EXPECT_EQ(result.exit_code, kWrongUsage);
    EXPECT_NE(result.err, "");
    EXPECT_EQ(result.out, "");
  }
  expect_failure(train({"--resume", "--overwrite"}), kWrongUsage,
                 {"--resume and --overwrite exclude each other"});
  expect_failure(train({"--train.steps", "5"}), kWrongUsage,
                 {"'--train.steps' is not understood", "--key.sub=value"});
}

// A folder of images, packed, trained on, verified with and embedded.
TEST_F(ProgramTest, FromImagesToEmbeddings) {
  for (int64_t label = 0; label < 20; ++label) {
    const fs::path person = folder_ / fmt::format("images/p{:02}", label);
    create_folders(person);
    for (int64_t number = 0; number < 4; ++number) {
      OutputFile file(person / fmt::format("{}.png", number));
      file.write(draw_image(label, number).bytes);
      file.close();
    }
  }
  write_verification_pack(folder_ / "faces.bin", draw_pairs(20, 20));

  const ChildResult packed = run({"pack", "images", "packed/train"});
  expect_done(packed);
  EXPECT_EQ(packed.out, "packed/train.rec: 80 images of 20 classes\n");
  EXPECT_EQ(read_text_file(folder_ / "packed/property"), "20,12,12\n");

  const ChildResult trained = train(
      {"--data.path=packed", "--verification.packs.faces=faces.bin", "--train.steps=0", "--train.epochs=2"});
  expect_done(trained);
  EXPECT_THAT(trained.err,
              AllOf(HasSubstr("80 images of 20 classes, batch 12 on 1 rank x 1 thread, 14 steps"),
                    HasSubstr("verification faces: accuracy")));
  EXPECT_EQ(newest_checkpoint(), "step-00000014\n");

  const ChildResult verified = run({"verify", "--model", "run", "--pack", "faces.bin", "--json"});
  expect_done(verified);
  const auto report = nlohmann::json::parse(verified.out);  // one object and nothing else
  EXPECT_EQ(report["faces"]["pairs"], 20);
  std::istringstream metrics(read_text_file(folder_ / "run/metrics.jsonl"));
  nlohmann::json last;
  for (std::string line; std::getline(metrics, line);) last = nlohmann::json::parse(line);
  EXPECT_EQ(last["step"], 14);
  EXPECT_NEAR(last["verification.faces.accuracy"].get<double>(), report["faces"]["accuracy"].get<double>(),
              1e-9);
  EXPECT_THAT(run({"verify", "--model", "run", "--pack", "faces.bin"}).out, HasSubstr("faces: accuracy "));

  expect_done(run({"embed", "--model", "run/step-00000014", "images", "e", "--batch=7"}));
  const NpyArray<float> embeddings = read_npy<float>(folder_ / "e.npy");
  EXPECT_EQ(embeddings.shape, (std::vector<int64_t>{80, 8}));
  std::istringstream keys(read_text_file(folder_ / "e.keys.tsv"));
  int64_t row = 0;
  for (std::string line; std::getline(keys, line); ++row)
    EXPECT_EQ(line, fmt::format("{}\t{}\timages/p{:02}/{}.png", row, row / 4, row / 4, row % 4));
  EXPECT_EQ(row, 80);
}

TEST_F(ProgramTest, EmbeddingsAddTheMirrorImageUnlessToldNotTo) {
  std::vector<LabelledImage> images = draw_classes(2, 2);
  for (size_t i = 0; i < 4; ++i) {
    Image image = decode_image(images[i].bytes, 1);
    mirror(image);
    images.push_back({encode_png(image), images[i].label});
  }
  write_images(images, 2);
  expect_done(train({"--train.global_batch=8"}));
  for (const char* how : {"--no-mirror", "--normalize", "--batch=3"})
    expect_done(run({"embed", "--model=run", "set", std::string("e") + how, how}));
  const auto plain = read_npy<float>(folder_ / "e--no-mirror.npy"),
             unit = read_npy<float>(folder_ / "e--normalize.npy"),
             both = read_npy<float>(folder_ / "e--batch=3.npy");
  for (int64_t i = 0; i < 8; ++i) {
    double square = 0, length = 0;
    for (int64_t d = 0; d < 8; ++d) length += std::pow(both.view()(i, d), 2);
    for (int64_t d = 0; d < 8; ++d) {
      const double sum = double{plain.view()(i, d)} + plain.view()((i + 4) % 8, d);
      EXPECT_NEAR(both.view()(i, d), sum, 1e-4 * (1 + std::abs(sum)));
      EXPECT_NEAR(unit.view()(i, d), both.view()(i, d) / std::sqrt(length), 1e-5);
      square += std::pow(unit.view()(i, d), 2);
    }
    EXPECT_NEAR(square, 1, 1e-5);
  }
}

// OpenMP shows what it has read of its environment, as often as it is loaded.
TEST_F(ProgramTest, OpenMpSpinsShortlyWhereSomethingIsToRun) {
  const auto shown = [&](const std::vector<std::string>& arguments) {
    std::vector<std::string> all = {"env", "-u", "GOMP_SPINCOUNT", "OMP_DISPLAY_ENV=VERBOSE"};
    for (const std::string& word : command(arguments)) all.push_back(word);
    return ChildProcess(all, {.folder = folder_.path()}).wait().err;
  };
  const std::string shortly = "GOMP_SPINCOUNT = '1000'";
  EXPECT_THAT(shown({"train", "nothing.toml"}), HasSubstr(shortly));
  EXPECT_EQ(shown({"--version"}), "");  // it is not even loaded
}

TEST_F(ProgramTest, ProcessesOfTorchrunAreNoRanks) {
  const ChildResult result =
      ChildProcess({"env", "RANK=0", "LOCAL_RANK=0", "WORLD_SIZE=8", PARTIALFC_PROGRAM, "train", "r.toml"},
                   {.folder = folder_.path()})
          .wait();
  EXPECT_EQ(result.exit_code, kWrongUsage);
  EXPECT_THAT(result.err, HasSubstr("partialfc: started as one of 8 processes by torchrun"));
  EXPECT_THAT(result.err, HasSubstr("partialfc launch -np 8 -- "));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "runs"));
}

TEST_F(ProgramTest, RunsOnTheCoresItMayRunOn) {
  write_images(draw_classes(6, 4), 6);
  cpu_set_t before, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  int core = 0;
  while (!CPU_ISSET(core, &before)) ++core;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);  // the child's too
  const ChildResult result = run({"train", "r.toml", "-o", "run"});
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
  expect_done(result);
  EXPECT_THAT(result.err, AllOf(HasSubstr("on 1 rank x 1 thread,"), Not(HasSubstr("--bind-to"))));
}

TEST_F(ProgramTest, SyntheticDataNeedsNoFiles) {
  const ChildResult result = train({"--data.source=synthetic", "--data.path=", "--data.classes=1000"});
  expect_done(result);
  EXPECT_THAT(result.err, HasSubstr("1000 classes, batch 12"));
}

}  // namespace
}  // namespace partialfc
