#include "measure/head_sweep.h"

#include <gmock/gmock.h>

#include <filesystem>

#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

// Stands for the program: prints its arguments as JSON, or fails.
std::string program(const ScratchFolder& folder, const std::string& script) {
  const std::filesystem::path path = folder / "program";
  write_file_atomically(path, "#!/bin/sh\n" + script);
  std::filesystem::permissions(path, std::filesystem::perms::owner_all);
  return path;
}

TEST(HeadSweep, RowsEndAtTheMostClasses) {
  EXPECT_EQ(sweep_rows({.max_classes = 500'000}), (std::vector<int64_t>{125'000, 250'000, 500'000}));
  EXPECT_EQ(sweep_rows({.max_classes = 499'999}).size(), 2u);
  EXPECT_EQ(sweep_rows({}).back(), 100'000'000);
}

TEST(HeadSweep, WhatFitsFollowsFromThePrecision) {
  const HeadSweepOptions fp32{.batch = 128, .dim = 512};
  HeadSweepOptions bf16 = fp32;
  bf16.precision = Precision::kBFloat16;
  const int64_t bytes = int64_t{1'000'000} * (2 * 512 * 4 + 4 * 128);  // centers, momentum, products
  EXPECT_TRUE(fits(fp32, 1'000'000, 1, bytes * 10 / 6 + 1));
  EXPECT_FALSE(fits(fp32, 1'000'000, 1, bytes * 10 / 6 - 10));
  EXPECT_TRUE(fits(fp32, 1'000'000, 0.1, bytes * 10 / 6 - 10));
  EXPECT_TRUE(fits(bf16, 1'000'000, 1, bytes));
}

TEST(HeadSweep, ACellIsWhatTheProgramPrints) {
  const ScratchFolder folder;
  const std::string echo = program(folder, "printf '{\"arguments\": \"%s\"}' \"$*\"\n");
  const SweepCell warm = measure_cell({.threads = 3}, 125'000, kSweepColumns[1], echo);
  ASSERT_EQ(warm.state, SweepCell::State::kMeasured);
  EXPECT_EQ(warm.figures["arguments"],
            "bench head --json --no-floor --classes=125000 --batch=128 --dim=512 --steps=5 --threads=3 "
            "--precision=fp32 --sample-rate=0.1");
  const SweepCell cold = measure_cell({.precision = Precision::kBFloat16}, 125'000, kSweepColumns[2], echo);
  EXPECT_THAT(cold.figures["arguments"].get<std::string>(),
              HasSubstr("--precision=bf16 --samples=20000 --cold"));
}

TEST(HeadSweep, ACellThatFailsOrDoesNotFitIsTold) {
  const ScratchFolder folder;
  const std::string failing = program(folder, "echo no luck >&2; exit 3\n");
  const SweepCell failed = measure_cell({.dim = 4}, 125'000, kSweepColumns[0], failing);
  EXPECT_EQ(failed.state, SweepCell::State::kFailed);
  EXPECT_EQ(failed.error, "no luck\n");
  EXPECT_EQ(measure_cell({.dim = 65'536}, 100'000'000, kSweepColumns[0], failing).state,
            SweepCell::State::kDoesNotFit);
}

}  // namespace
}  // namespace partialfc
