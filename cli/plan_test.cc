// plan: what it says can be relied upon.
#include <iterator>
#include <sstream>

#include "cli/plan_fixture.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

TEST_F(PlanCommand, AReportOfEightyColumnsSaysWhereEachNumberCameFrom) {
  const ChildResult result =
      run({"plan", "--classes=10000000", "--ranks=64", "--sample-rate=0.1", "--global-batch=4096",
           "--memory=11", "--bandwidth=3", "--backbone=iresnet18"});
  expect_done(result);
  for (const char* part :
       {"10000000 classes, 512 dimensions", "64 ranks, a global batch of 4096: 64 on a rank",
        "Memory of a rank", "centers", "kept values", "activations", "classes that fit", "all gather",
        "reduce scatter", "gradient wait", "pays up to r = ", "r = 0.1 pays from ", "given", "default",
        "measured here", "  1024 ", "  1000000000 "})
    EXPECT_THAT(result.out, HasSubstr(part));
  std::istringstream lines(result.out);
  for (std::string line; std::getline(lines, line);) EXPECT_LE(line.size(), 80u) << line;
}

TEST_F(PlanCommand, EveryOptionReachesItsNumber) {
  const auto json = plan_json({"--classes=1000000",
                               "--dim=256",
                               "--global-batch=96",
                               "--sample-rate=0.25",
                               "--precision=bf16",
                               "--backbone=small",
                               "--input=40x48x1",
                               "--ranks=4",
                               "--ranks-per-host=2",
                               "--threads=3",
                               "--memory=7",
                               "--program=0.5",
                               "--activation-slack=0.25",
                               "--bandwidth=2",
                               "--latency=30",
                               "--host-bandwidth=6",
                               "--host-latency=3",
                               "--backbone-flops=500",
                               "--head-flops=600",
                               "--memory-bandwidth=25",
                               "--backbone.width=16",
                               "--train.micro_batches=2",
                               "--optimizer.name=adamw",
                               "--checkpoint.every=0"});
  const auto& shape = json["shape"];
  EXPECT_EQ(shape["classes"], 1'000'000);
  EXPECT_EQ(shape["dim"], 256);
  EXPECT_EQ(shape["global_batch"], 96);
  EXPECT_EQ(shape["rank_batch"], 24);
  EXPECT_EQ(shape["sample_rate"], 0.25);
  EXPECT_EQ(shape["head_precision"], "bf16");
  EXPECT_EQ(shape["backbone_precision"], "bf16");
  EXPECT_EQ(shape["input"], nlohmann::json({40, 48, 1}));
  EXPECT_EQ(shape["ranks"], 4);
  EXPECT_EQ(shape["threads"], 3);
  EXPECT_EQ(shape["micro_batches"], 2);
  EXPECT_EQ(shape["backbone"], "small");
  const std::vector<std::pair<const char*, double>> inputs = {
      {"ranks_per_host", 2},   {"memory", 7},       {"program", 0.5},        {"activation_slack", 0.25},
      {"bandwidth", 2},        {"latency", 30},     {"host_bandwidth", 6},   {"host_latency", 3},
      {"backbone_flops", 500}, {"head_flops", 600}, {"memory_bandwidth", 25}};
  EXPECT_EQ(json["inputs"].size(), inputs.size());
  for (const auto& [name, value] : inputs) {
    EXPECT_NEAR(json["inputs"][name]["value"].get<double>(), value, 1e-9) << name;
    EXPECT_EQ(json["inputs"][name]["source"], "given") << name;
  }
  EXPECT_EQ(json["memory"]["items"]["centers"], 250'000 * 256 * 2);
  EXPECT_EQ(json["memory"]["items"]["optimizer_state"], 2 * 250'000 * 256 * 2);  // AdamW
  EXPECT_LT(json["memory"]["items"]["saving"], 60'000'000);                      // at the end alone
  EXPECT_EQ(json["memory"]["limit_bytes"], int64_t{7} << 30);
  EXPECT_EQ(json["collectives"]["all_gather"]["bytes"], 4 * 24 * (256 + 2) * 4);
  EXPECT_NEAR(json["step"]["samples_per_second"].get<double>() * json["step"]["seconds"].get<double>(), 96,
              1e-6);
  EXPECT_EQ(json["sampling"]["rate"], 0.25);
  EXPECT_EQ(json["by_ranks"].size(), 11u);
}

TEST_F(PlanCommand, ARecipeIsPlannedAsItWouldTrain) {
  write_images(draw_classes(20, 6), 20);
  const auto json = plan_json({"r.toml", "--ranks=2", "--head.sample_rate=0.5"});
  EXPECT_EQ(json["shape"]["classes"], 20);  // of the data
  EXPECT_EQ(json["shape"]["dim"], 8);
  EXPECT_EQ(json["shape"]["global_batch"], 12);
  EXPECT_EQ(json["shape"]["sample_rate"], 0.5);
  EXPECT_EQ(json["shape"]["head_precision"], "fp32");
  EXPECT_GT(json["memory"]["items"]["saving"], 0);  // a checkpoint every 3 of 6 steps
  EXPECT_EQ(json["memory"]["items"]["batches"], 6 * 12 * 12 * (4 + 2));
  EXPECT_THAT(json["notes"].dump(), HasSubstr("decode"));
}

TEST_F(PlanCommand, CentersOnGpusAreNotInTheHostsMemory) {
  const auto json = plan_json({"--classes=1000000", "--train.device=cuda"});
  EXPECT_FALSE(json["memory"]["items"].contains("centers"));
  EXPECT_TRUE(json["memory"]["items"].contains("activations"));
  EXPECT_THAT(json["notes"].dump(), HasSubstr("centers on GPUs"));
}

TEST_F(PlanCommand, WhatAStepMayKeepIsARecipesKey) {
  const auto kept = [&](const char* gib) {
    return plan_json({"--classes=1000000",
                      fmt::format("--head.kept_memory={}", gib)})["memory"]["items"]["kept_values"]
        .get<double>();
  };
  EXPECT_GT(kept("4"), 0.5 * (1 << 30));
  EXPECT_LT(kept("0.25"), 0.3 * (1 << 30));
  EXPECT_GT(kept("0.25"), 0.2 * (1 << 30));
}

TEST_F(PlanCommand, AsManyMicroBatchesAsTrainingWouldChoose) {
  const auto planned = [&](const char* memory, int64_t micro_batches) {
    return plan_json({"--classes=1000", "--backbone=iresnet50", "--memory", memory, "--program=0.3",
                      "--train.global_batch=256", fmt::format("--train.micro_batches={}", micro_batches)});
  };
  const auto ample = planned("64", 0), few = planned("4", 0);
  EXPECT_EQ(ample["shape"]["micro_batches"], 1);
  EXPECT_THAT(ample["notes"].dump(), HasSubstr("train.micro_batches = 0 makes 1 of them"));
  const int64_t parts = few["shape"]["micro_batches"];
  EXPECT_GT(parts, 1);
  const double most = 0.9 * few["memory"]["limit_bytes"].get<double>();
  EXPECT_LE(few["memory"]["total_bytes"].get<double>(), most);
  EXPECT_EQ(planned("4", parts)["memory"], few["memory"]);
  EXPECT_GT(planned("4", parts - 1)["memory"]["total_bytes"].get<double>(), most);
}

TEST_F(PlanCommand, WhatCannotBePlannedIsRefused) {
  expect_failure(run({"plan"}), kWrongUsage, {"a recipe, or --classes"});
  expect_failure(run({"plan", "none.toml"}), kFailed, {"none.toml"});
  expect_failure(run({"plan", "--classes=3", "--ranks=4"}), kWrongUsage, {"4 ranks for 3 classes"});
  expect_failure(run({"plan", "--classes=100", "--ranks=80"}), kWrongUsage,
                 {"global_batch = 128", "80 ranks", "at least 160"});
  expect_failure(run({"plan", "--classes=100", "--backbone=iresnet51"}), kWrongUsage, {"iresnet51"});
  expect_failure(run({"plan", "--classes=100", "--hot"}), kWrongUsage, {"--hot"});
  for (const char* option :
       {"--sample-rate=0", "--precision=fp8", "--ranks=0", "--memory=0", "--input=40x40"})
    EXPECT_EQ(run({"plan", "--classes=100", option}).exit_code, kWrongUsage) << option;
}

// docs/planning.md: a command that stands alone in its block is run, and the block after it is what it prints of it.
TEST_F(PlanCommand, TheDocumentsCommandsPrintWhatItSays) {
  std::istringstream lines(read_text_file(std::filesystem::path(PARTIALFC_SOURCE "/docs") / "planning.md"));
  int commands = 0, printed = 0;
  std::string command, output;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("    partialfc plan --classes") || !command.empty()) {
      const bool goes_on = line.ends_with('\\');
      command += line.substr(0, line.size() - (goes_on ? 1 : 0));
      if (goes_on) continue;
      std::istringstream words(command);
      const std::vector<std::string> all(std::istream_iterator<std::string>(words), {});
      const ChildResult result = run({all.begin() + 1, all.end()});
      expect_done(result);
      output = result.out;
      command.clear();
      ++commands;
    } else if (line.starts_with("      ") && !output.empty()) {
      EXPECT_THAT(output, HasSubstr(line.substr(4) + "\n"));
      ++printed;
    } else if (line.starts_with("    ")) {
      output.clear();
    }
  }
  EXPECT_EQ(commands, 2);
  EXPECT_GE(printed, 10);
}

}  // namespace
}  // namespace partialfc
