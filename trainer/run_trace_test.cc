// The trace of whole runs: what is in it, and that what should run side by side does.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "partialfc/base/trace.h"
#include "trainer/trainer_fixture.h"

namespace partialfc {
namespace {

struct TracedSpan {
  std::string name;
  int64_t begin, end;  // nanoseconds
};

bool overlap(const TracedSpan& a, const TracedSpan& b) { return a.begin < b.end && b.begin < a.end; }

// (rank, lane's name) → the spans of all lanes of that name, a vector a lane, in the order of their begins, outer ones
// first.
using Lanes = std::map<std::pair<int, std::string>, std::vector<std::vector<TracedSpan>>>;

Lanes lanes_of(const std::string& text) {
  std::map<std::pair<int, int>, std::vector<TracedSpan>> spans;
  std::map<std::pair<int, int>, std::string> names;
  for (const auto& event : nlohmann::json::parse(text)) {
    const std::pair<int, int> lane = {event["pid"], event["tid"]};
    if (event["ph"] == "M") {
      if (event["name"] == "thread_name") names[lane] = event["args"]["name"];
      continue;
    }
    EXPECT_EQ(event["ph"], "X");
    const int64_t begin = std::llround(event["ts"].get<double>() * 1000);
    spans[lane].push_back({event["name"], begin, begin + std::llround(event["dur"].get<double>() * 1000)});
  }
  Lanes lanes;
  for (auto& [lane, of_lane] : spans) {
    std::stable_sort(of_lane.begin(), of_lane.end(), [](const TracedSpan& a, const TracedSpan& b) {
      return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
    });
    lanes[{lane.first, names.at(lane)}].push_back(of_lane);
  }
  return lanes;
}

void expect_nested(const std::vector<TracedSpan>& spans) {
  constexpr int64_t kRounding = 2;  // of a begin and of a length to nanoseconds
  std::vector<TracedSpan> open;
  for (const TracedSpan& span : spans) {
    while (!open.empty() && open.back().end <= span.begin + kRounding) open.pop_back();
    if (!open.empty()) {
      EXPECT_LE(span.end, open.back().end + kRounding) << span.name << " in " << open.back().name;
    }
    open.push_back(span);
  }
}

std::set<std::string> names_of(const std::vector<std::vector<TracedSpan>>& lanes) {
  std::set<std::string> names;
  for (const auto& lane : lanes)
    for (const TracedSpan& span : lane) names.insert(span.name);
  return names;
}

// Whether a span `a` of one lane has part of its time in common with a span `b` of the other.
bool any_overlap(const std::vector<TracedSpan>& lane_a, const std::string& a,
                 const std::vector<TracedSpan>& lane_b, const std::string& b) {
  return std::any_of(lane_a.begin(), lane_a.end(), [&](const TracedSpan& span) {
    return span.name == a && std::any_of(lane_b.begin(), lane_b.end(), [&](const TracedSpan& other) {
             return other.name == b && overlap(span, other);
           });
  });
}

TEST_F(TrainerTest, TheTraceShowsEveryPartOfAStepAndWhatRunsSideBySide) {
  write_images(draw_classes(kClasses, 6));
  write_verification_pack(scratch_ / "p.bin", draw_pairs(40, kClasses));
  recipe_.verification = {.every = 4, .packs = {{"p", (scratch_ / "p.bin").lexically_normal().string()}}};
  recipe_.train.steps = 12;
  // More than one bucket of gradients: the first is on its way while backward goes on.
  recipe_.backbone = {.name = "small", .embedding = 128, .width = 96, .stages = 2};
  const Trace trace;
  train(recipe_, 2, "run");
  const Lanes lanes = lanes_of(trace_file(std::vector{trace.events(trace.began())}));

  for (const auto& [lane, spans] : lanes)
    for (const auto& of_lane : spans) expect_nested(of_lane);
  for (const int rank : {0, 1}) {
    SCOPED_TRACE(rank);
    ASSERT_EQ(lanes.at({rank, "trainer"}).size(), 1u);
    ASSERT_EQ(lanes.at({rank, "head update"}).size(), 1u);
    EXPECT_THAT(names_of(lanes.at({rank, "trainer"})),
                testing::IsSupersetOf({"step", "data.wait", "backbone.forward", "head.forward",
                                       "backbone.backward", "gradients.wait", "backbone.step", "verification",
                                       "checkpoint.begin", "checkpoint.copy", "checkpoint.commit"}));
    EXPECT_THAT(names_of(lanes.at({rank, "head update"})), testing::Contains("head.update"));
    EXPECT_THAT(names_of(lanes.at({rank, "loader"})), testing::ElementsAre("data.decode"));
    EXPECT_THAT(names_of(lanes.at({rank, "comm head"})),
                testing::IsSupersetOf({"all_gather", "all_reduce", "reduce_scatter"}));
    const auto& trainer = lanes.at({rank, "trainer"})[0];
    EXPECT_EQ(
        std::count_if(trainer.begin(), trainer.end(), [](const TracedSpan& s) { return s.name == "step"; }),
        12);
    EXPECT_TRUE(any_overlap(lanes.at({rank, "head update"})[0], "head.update", trainer, "backbone.backward"));
  }
  EXPECT_TRUE(any_overlap(lanes.at({0, "comm gradients"})[0], "all_reduce", lanes.at({0, "trainer"})[0],
                          "backbone.backward") ||
              any_overlap(lanes.at({1, "comm gradients"})[0], "all_reduce", lanes.at({1, "trainer"})[0],
                          "backbone.backward"));
}

}  // namespace
}  // namespace partialfc
