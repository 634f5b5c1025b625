// bench head, sweep and loss: what they print can be relied upon.
#include <cmath>
#include <nlohmann/json.hpp>

#include "cli/program_fixture.h"
#include "partialfc/base/file.h"
#include "partialfc/base/random.h"
#include "partialfc/formats/npy.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

constexpr bool kHasOnednn = PARTIALFC_HAS_ONEDNN;  // which bfloat16 is compared with
constexpr int64_t kClasses = 5000, kBatch = 13, kDim = 24;

class Bench : public ProgramTest {
 protected:
  ChildResult head(const std::vector<std::string>& more) {
    std::vector<std::string> all = {"bench", "head", "--classes=5000", "--batch=13", "--dim=24", "--steps=3"};
    all.insert(all.end(), more.begin(), more.end());
    return run(all);
  }
  nlohmann::json head_json(std::vector<std::string> more) {
    more.push_back("--json");
    const ChildResult result = head(more);
    expect_done(result);
    EXPECT_EQ(result.err, "");
    return nlohmann::json::parse(result.out);  // one object and nothing else
  }
};

TEST_F(Bench, HeadTellsTimeFloorTrafficAndMemory) {
  const auto json = head_json({"--sample-rate=0.5", "--threads=2"});
  EXPECT_EQ(json["classes"], kClasses);
  EXPECT_EQ(json["samples"], kClasses / 2);
  EXPECT_GE(json["active"], kClasses / 2);
  EXPECT_LE(json["active"], kClasses / 2 + kBatch);
  EXPECT_EQ(json["batch"], kBatch);
  EXPECT_EQ(json["dim"], kDim);
  EXPECT_EQ(json["precision"], "fp32");
  EXPECT_EQ(json["ranks"], 1);
  EXPECT_EQ(json["threads"], 2);
  EXPECT_EQ(json["cold"], false);
  const double step = json["step_seconds"], floor = json["floor_seconds"];
  EXPECT_GT(floor, 0);
  EXPECT_GT(step, 0);
  EXPECT_LE(json["forward_seconds"], step);
  EXPECT_LE(json["update_seconds"], step);
  EXPECT_DOUBLE_EQ(json["over_floor"], step / floor);
  EXPECT_DOUBLE_EQ(json["samples_per_second"], kBatch / step);
  for (const char* product : {"logits", "u", "gradient"}) {
    EXPECT_GT(json["floor_parts"][product]["seconds"], 0);
    EXPECT_NE(json["floor_parts"][product]["library"], "");
  }
  EXPECT_FALSE(json.contains("floor_bf16_seconds"));
  EXPECT_GT(json["peak_rss_bytes"], kClasses * 2 * kDim * 4);  // all rows were touched
}

// Collectives: (x, y) of all rows, padded to the larger rank; Z⁻, z_y and a flag; the gradients of all rows.
TEST_F(Bench, HeadCountsThreeCollectivesAndTheirBytesOnTwoRanks) {
  const auto json = head_json({"--samples=1000", "--ranks=2", "--threads=1", "--no-floor"});
  EXPECT_EQ(json["samples"], 1000);
  EXPECT_EQ(json["ranks"], 2);
  EXPECT_EQ(json["collectives_per_step"], 3);
  constexpr int64_t kPadded = kBatch + 1;
  EXPECT_EQ(json["bytes_per_step"], 4 * (kPadded * (kDim + 2) + 2 * kBatch + 1 + kPadded * kDim));
  EXPECT_TRUE(json["floor_seconds"].is_null());
  EXPECT_TRUE(json["over_floor"].is_null());
}

TEST_F(Bench, ThreadRanksShareOneFloor) {
  const auto json = head_json({"--ranks=2", "--threads=1"});
  EXPECT_GT(json["floor_seconds"], 0);
  EXPECT_NE(json["floor_parts"]["u"]["library"], "");
  EXPECT_EQ(json["collectives_per_step"], 3);
}

TEST_F(Bench, BFloat16HasAFloorOfItsOwnBesideFloat32s) {
  if (!kHasOnednn) GTEST_SKIP() << "partialfc was built without oneDNN";
  const auto json = head_json({"--precision=bf16"});
  EXPECT_EQ(json["precision"], "bf16");
  EXPECT_GT(json["floor_bf16_seconds"], 0);
  EXPECT_DOUBLE_EQ(json["over_floor"],
                   json["step_seconds"].get<double>() / json["floor_seconds"].get<double>());
}

// 2,000,000 rows of 512 bytes would be a gigabyte.
TEST_F(Bench, AColdHeadTakesNoMemoryForRowsThatAreNotTouched) {
  const ChildResult result = run({"bench", "head", "--classes=2000000", "--dim=64", "--samples=100", "--cold",
                                  "--no-floor", "--batch=4", "--steps=2", "--json"});
  expect_done(result);
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["cold"], true);
  EXPECT_EQ(json["samples"], 100);
  EXPECT_LT(json["peak_rss_bytes"], 600'000'000);
}

TEST_F(Bench, HeadPrintsATableOfEightyColumns) {
  const ChildResult result =
      head({kHasOnednn ? "--precision=bf16" : "--precision=fp32", "--ranks=2", "--threads=1"});
  expect_done(result);
  for (const char* part : {" active in a step, batch 13, dim 24, ", "2 ranks x 1 thread, 3 steps",
                           "samples/s", "float32 products", "step over those",
                           kHasOnednn ? "bf16 products" : "fp32", "collectives a step           3"})
    EXPECT_THAT(result.out, HasSubstr(part));
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST_F(Bench, WrongOptionsEndWithStatusTwo) {
  for (const char* option :
       {"--sample-rate=0", "--samples=0", "--precision=fp8", "--ranks=0", "--steps=0", "--hot"}) {
    const ChildResult result = run({"bench", "head", option});
    EXPECT_EQ(result.exit_code, kWrongUsage) << option;
    EXPECT_THAT(result.err, HasSubstr(std::string(option).substr(0, std::string(option).find('='))))
        << option;
    EXPECT_EQ(result.out, "");
  }
  EXPECT_EQ(head({"--samples=9", "--sample-rate=0.1"}).exit_code, kWrongUsage);
  EXPECT_EQ(run({"bench"}).exit_code, kWrongUsage);
  EXPECT_EQ(run({"bench", "tail"}).exit_code, kWrongUsage);
  EXPECT_EQ(run({"bench", "sweep", "--max-classes=10"}).exit_code, kWrongUsage);
  expect_failure(head({"--samples=5001"}), kWrongUsage, {"--samples 5001: there are only 5000 classes"});
  expect_failure(run({"bench", "head", "--classes=2", "--ranks=3"}), kWrongUsage, {"3 ranks for 2 classes"});
}

TEST_F(Bench, HelpTellsDefaults) {
  const ChildResult help = run({"bench", "head", "--help"});
  expect_done(help);
  for (const char* part : {"--sample-rate", "--cold", "OpenBLAS"}) EXPECT_THAT(help.out, HasSubstr(part));
  for (const char* value : {"1000000", "0.1", "128", "512", "fp32", "20"})
    EXPECT_THAT(help.out, tells_default(value));
}

TEST_F(Bench, SweepMeasuresEachCellInAProcessOfItsOwn) {
  const std::vector<std::string> small = {"bench",     "sweep",     "--max-classes=250000", "--dim=4",
                                          "--batch=2", "--steps=1", "--threads=1"};
  const ChildResult table = run(small);
  expect_done(table);
  std::istringstream lines(table.out);
  int rows = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 80u) << line;
    rows += line.starts_with("   125000") || line.starts_with("   250000");
  }
  EXPECT_EQ(rows, 2) << table.out;

  std::vector<std::string> with_json = small;
  with_json.push_back("--json");
  const ChildResult result = run(with_json);
  expect_done(result);
  const auto cells = nlohmann::json::parse(result.out)["rows"];
  ASSERT_EQ(cells.size(), 2u);
  EXPECT_EQ(cells[1]["classes"], 250000);
  EXPECT_EQ(cells[1]["r = 1"]["samples"], 250000);
  EXPECT_EQ(cells[1]["r = 0.1"]["samples"], 25000);
  EXPECT_EQ(cells[1]["20,000 active, cold"]["samples"], 20000);
  EXPECT_EQ(cells[1]["20,000 active, cold"]["cold"], true);
}

// Features of 40 classes, well apart: a head learns them in either precision.
TEST_F(Bench, LossTellsWhatBFloat16Costs) {
  constexpr int64_t kRows = 400, kClassesHere = 40, kColumns = 32;
  const std::string name = (folder_ / "features").string();
  NpyWriter<float> features(name + ".npy", kColumns);
  std::string keys;
  for (int64_t i = 0; i < kRows; ++i) {
    const int64_t label = i % kClassesHere;
    std::vector<float> row(kColumns);
    RandomStream center(1, Purpose::kSyntheticData, label), noise(2, Purpose::kSyntheticData, i);
    for (float& value : row) value = static_cast<float>(center.normal() + 0.2 * noise.normal());
    features.append(std::span<const float>(row));
    keys += std::to_string(i) + "\t" + std::to_string(label) + "\timage " + std::to_string(i) + "\n";
  }
  features.close();
  write_file_atomically(name + ".keys.tsv", keys);
  const ChildResult result = run({"bench", "loss", name, "--steps=60", "--batch=64", "--sample-rate=0.5",
                                  "--learning-rate=0.2", "--seed=3", "--threads=2", "--json"});
  expect_done(result);
  const auto json = nlohmann::json::parse(result.out);
  EXPECT_EQ(json["features"], kRows);
  EXPECT_EQ(json["dim"], kColumns);
  EXPECT_EQ(json["classes"], kClassesHere);
  EXPECT_EQ(json["steps"], 60);
  EXPECT_LT(json["fp32_loss"], 0.5 * json["first_loss"].get<double>());
  EXPECT_NE(json["fp32_loss"], json["bf16_loss"]);
  EXPECT_NEAR(json["bf16_loss"].get<double>() / json["fp32_loss"].get<double>() - 1, json["difference"],
              1e-12);
  EXPECT_LT(std::abs(json["difference"].get<double>()), 0.05);

  write_file_atomically(name + ".keys.tsv", "0\t0\timage 0\n");
  expect_failure(run({"bench", "loss", name}), kFailed, {"has 1 lines", "has 400 rows"});
  write_file_atomically(name + ".keys.tsv", "0\tnought\timage 0\n");
  expect_failure(run({"bench", "loss", name}), kFailed, {"line 1", "nought"});
}

}  // namespace
}  // namespace partialfc
