#include "partialfc/comm/delay.h"

#include <gtest/gtest.h>

namespace partialfc {
namespace {

const CollectiveCall kSum{Collective::kAllReduce, nullptr, nullptr, 64, DataType::kFloat32};
const CollectiveCall kBarrier{Collective::kBarrier};

std::string explain(std::vector<std::optional<Position>> positions) {
  const std::string channel = "head";
  return explain_delay({channel, 0, 17, kSum}, positions);
}

TEST(Delay, NamesEveryRankThatIsBehindOrSilent) {
  EXPECT_EQ(
      explain({Position{17, kSum}, Position{18, kBarrier}, Position{16, kBarrier}, std::nullopt, Position{}}),
      "rank 2 has not started it: its last was barrier (#16); "
      "rank 3 does not answer (stopped, dead or already failed); "
      "rank 4 has not started it: it has started nothing on this channel");
}

TEST(Delay, NamesARankThatEnded) {
  EXPECT_EQ(explain({Position{17, kSum}, Position{16, kBarrier, true}}),
            "rank 1 has ended without starting it: its last was barrier (#16)");
}

TEST(Delay, NamesARankThatCalledSomethingElse) {
  EXPECT_EQ(explain({Position{17, kSum}, Position{17, kBarrier}}), "rank 1 has started barrier in its place");
}

TEST(Delay, SaysWhenNobodyIsToBlame) {
  EXPECT_EQ(explain({Position{17, kSum}, Position{17, kSum}}),
            "every rank has started it, so a message is stuck or a rank makes no progress");
}

TEST(Delay, AMessageSaysWhoWaitedForWhatAndHowLong) {
  const std::string channel = "head";
  const std::optional<Position> positions[] = {Position{17, kSum}, std::nullopt};
  EXPECT_EQ(describe_timeout({channel, 0, 17, kSum}, std::chrono::milliseconds(1500), positions),
            "rank 0 waits for all_reduce(sum) of 64 float32 (#17 of channel head): not finished "
            "after 1.5 s: rank 1 "
            "does not answer (stopped, dead or already failed). See what that rank was doing; if "
            "it is only slow, "
            "give a longer time-out");
}

}  // namespace
}  // namespace partialfc
