#include "trainer/run_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <sstream>

#include "partialfc/base/test_support.h"
#include "trainer/run_folder.h"

namespace partialfc {
namespace {

using testing::HasSubstr;

std::vector<nlohmann::json> lines_of(const std::filesystem::path& folder) {
  std::istringstream text(read_text_file(folder / kMetricsFile));
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

TEST(RunLog, EachReportIsOneJsonObjectALine) {
  ScratchFolder folder;
  testing::internal::CaptureStderr();
  {
    RunLog log(folder.path());
    log.progress({.step = 3,
                  .total_steps = 9,
                  .epoch = 0.5,
                  .loss = 2.25,
                  .learning_rate = 0.125,
                  .gradient_norm = 4,
                  .samples_per_second = 12345,
                  .data_wait = 0.75,
                  .seconds_left = 61});
    log.metrics(3, {{"verification.lfw.accuracy", 0.875}});
    log.progress({.step = 4, .loss = std::numeric_limits<double>::quiet_NaN()});
    EXPECT_EQ(lines_of(folder.path()).size(), 3u);  // on the disk while the run goes on
  }
  const std::string told = testing::internal::GetCapturedStderr();
  EXPECT_THAT(told, HasSubstr("step 3/9  loss 2.25  lr 0.125  12,345 img/s  input wait 75 %  1:01 left\n"));
  const auto lines = lines_of(folder.path());
  EXPECT_EQ(lines[0], nlohmann::json::parse(R"({"step": 3, "epoch": 0.5, "loss": 2.25, "lr": 0.125,
      "gradient_norm": 4.0, "samples_per_second": 12345.0, "data_wait": 0.75})"));
  EXPECT_EQ(lines[1], nlohmann::json::parse(R"({"step": 3, "verification.lfw.accuracy": 0.875})"));
  EXPECT_TRUE(lines[2]["loss"].is_null());
}

TEST(RunLog, GoesOnBehindWhatIsThere) {
  ScratchFolder folder;
  for (const int step : {1, 2}) RunLog(folder.path()).metrics(step, {{"x", step}});
  const auto lines = lines_of(folder.path());
  ASSERT_EQ(lines.size(), 2u);
  EXPECT_EQ(lines[1]["x"], 2);
}

TEST(RunLog, MessagesGoToStandardErrorAsTheyAre) {
  ScratchFolder folder;
  testing::internal::CaptureStderr();
  RunLog(folder.path()).message("all is {well}");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "all is {well}\n");
}

TEST(FormatDuration, ByHand) {
  EXPECT_EQ(format_duration(0), "0:00");
  EXPECT_EQ(format_duration(-5), "0:00");
  EXPECT_EQ(format_duration(59.6), "1:00");
  EXPECT_EQ(format_duration(123), "2:03");
  EXPECT_EQ(format_duration(3723), "1:02:03");
  EXPECT_EQ(format_duration(360000), "100:00:00");
  EXPECT_EQ(format_duration(std::numeric_limits<double>::infinity()), "?");
}

}  // namespace
}  // namespace partialfc
