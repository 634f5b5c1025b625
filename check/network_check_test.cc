#include "check/network_check.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "measure/link_measurement.h"
#include "partialfc/base/file.h"
#include "partialfc/base/test_support.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

using testing::HasSubstr;
namespace fs = std::filesystem;

class NetworkChecks : public testing::Test {
 protected:
  // Two ranks here of a program that is this script.
  NetworkCheck ranks_of(const std::string& script) {
    write_file_atomically(folder_ / "program", "#!/bin/sh\n" + script);
    fs::permissions(folder_ / "program", fs::perms::owner_all);
    return {.hosts = {{"localhost", 2}}, .program = folder_ / "program"};
  }
  ScratchFolder folder_;
};

// As long as the bytes of the ring need over links of 10 MB/s, and a minute to start.
TEST_F(NetworkChecks, MoreHostsMayTakeLonger) {
  EXPECT_EQ(longest_measurement(1), longest_measurement(2));
  for (const int hosts : {2, 30, 200}) {
    const double bytes = static_cast<double>(bytes_of_measurement(hosts));
    EXPECT_NEAR(static_cast<double>(longest_measurement(hosts).count()), 60 + bytes / 1e7, 1) << hosts;
  }
  EXPECT_GT(longest_measurement(30), std::chrono::seconds(150));
}

TEST_F(NetworkChecks, WhatTheRanksPrintIsTheLink) {
  const MeasuredNetwork measured = measure_network(
      ranks_of("[ \"$OMPI_COMM_WORLD_RANK\" = 1 ] || echo '{\"latency\": 0.001, \"bandwidth\": 2e8}'\n"));
  EXPECT_EQ(measured.failure, "");
  EXPECT_EQ(measured.link.latency, 0.001);
  EXPECT_EQ(measured.link.bandwidth, 2e8);
}

TEST_F(NetworkChecks, AMeasurementThatRunsOutOfTimeSaysSo) {
  const MeasuredNetwork measured = measure_network(ranks_of("exec sleep 60\n"), std::chrono::seconds(2));
  EXPECT_EQ(measured.failure,
            "the measurement was given up after 2 s, which links of 10 MB/s would not have taken");
  EXPECT_THAT(measured.remedy, HasSubstr("network between these hosts"));
}

// Ranks are told how long to wait for each other: longer where more is on its way.
TEST_F(NetworkChecks, RanksThatFailAreQuoted) {
  const MeasuredNetwork measured =
      measure_network(ranks_of("echo partialfc: no luck with \"$2\" >&2; exit 1\n"));
  EXPECT_THAT(measured.failure, HasSubstr("ends with exit code 1: partialfc: no luck with --as-rank=30.4"));
}

TEST_F(NetworkChecks, ARankMeasuresAndTellsTheLink) {
  run_ranks(2, [](Communicator& world) {
    const auto json = nlohmann::json::parse(link_json(measure_as_rank(world)));
    EXPECT_GT(json["latency"], 0);
    EXPECT_GT(json["bandwidth"], 0);
  });
}

}  // namespace
}  // namespace partialfc
