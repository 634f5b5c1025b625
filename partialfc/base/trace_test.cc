#include "partialfc/base/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace partialfc {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

int64_t count_of(const std::string& text, const std::string& part) {
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

void spans_of_a_thread(int rank, const std::string& name, int spans) {
  std::thread([&] {
    name_trace_thread(rank, name);
    for (int i = 0; i < spans; ++i) const TraceSpan span("work");
  }).join();
}

TEST(Trace, HoldsTheSpansWithinItAndTheNamesOfLanesAndRanks) {
  { const TraceSpan span("before"); }
  std::string events;
  {
    const Trace trace;
    const TraceSpan straddles("after");
    { const TraceSpan span("within"); }
    spans_of_a_thread(3, "other thread", 2);
    events = trace.events(trace.began());
  }
  { const TraceSpan span("after"); }
  EXPECT_THAT(
      events,
      AllOf(HasSubstr(R"("name":"within","ph":"X","ts":)"), HasSubstr(R"("pid":0,"tid":0)"),
            HasSubstr(R"({"name":"thread_name","ph":"M","pid":3,"tid":1,"args":{"name":"other thread"}})"),
            HasSubstr(R"({"name":"process_name","ph":"M","pid":3,"tid":0,"args":{"name":"rank 3"}})"),
            Not(HasSubstr("before")), Not(HasSubstr("after"))));
  EXPECT_EQ(count_of(events, R"("name":"work","ph":"X")"), 2);
  EXPECT_EQ(trace_file(std::vector<std::string>{"1", "", "2"}), "[\n1,\n2\n]\n");
}

TEST(Trace, ASecondTraceBeginsEmpty) {
  {
    const Trace trace;
    const TraceSpan span("first");
  }
  const Trace trace;
  { const TraceSpan span("second"); }
  EXPECT_THAT(trace.events(trace.began()), AllOf(HasSubstr("second"), Not(HasSubstr("first"))));
}

TEST(Trace, StopsAtItsLimitAndTellsSo) {
  const Trace trace(5);
  spans_of_a_thread(1, "a", 4);
  EXPECT_THAT(trace.events(0), Not(HasSubstr("not shown")));
  spans_of_a_thread(2, "b", 4);
  const std::string events = trace.events(0);
  EXPECT_EQ(count_of(events, R"("ph":"X")"), 5);
  EXPECT_EQ(count_of(events, R"({"labels":"stopped after 5 events: 3 more are not shown"})"), 2);
}

TEST(Trace, OperationsThatOverlapFollowEachOtherInTheirLane) {
  const Trace trace;
  TraceLane lane(2, "channel");
  const int64_t first = TraceLane::begin(), second = TraceLane::begin();
  lane.add_in_turn("one", first, 100);
  lane.add_in_turn("two", second, 200);
  // Where `one` ends `two` begins: to the nanosecond.
  const std::string events = trace.events(trace.began());
  const auto number_after = [&](const std::string& name, const std::string& key) {
    return std::stod(events.substr(events.find(key, events.find("\"" + name + "\"")) + key.size()));
  };
  EXPECT_NEAR(number_after("one", "\"ts\":") + number_after("one", "\"dur\":"),
              number_after("two", "\"ts\":"), 1e-6);
  EXPECT_THAT(events, AllOf(HasSubstr(R"("args":{"bytes":100})"), HasSubstr(R"("args":{"bytes":200})")));
}

TEST(Trace, ThreadsRecordWhileTracesComeAndGo) {
  std::atomic<bool> stop = false;
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&, i] {
      name_trace_thread(i, "worker");
      while (!stop) const TraceSpan span("work");
    });
  for (int i = 0; i < 20; ++i) {
    const Trace trace(1000);
    while (count_of(trace.events(0), R"("ph":"X")") < 10) std::this_thread::yield();
    EXPECT_LE(count_of(trace.events(0), R"("ph":"X")"), 1000);
  }
  stop = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace partialfc
