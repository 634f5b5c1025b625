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

// Ranks 0, 2 and 4 to 7 in an operation that rank 1 has not come to; rank 1 in another channel, where rank 3 has not
// come to; rank 3 busy, rank 8 silent.
TEST(Delay, SaysWhoWaitsForWhom) {
  GroupState state;
  GroupState::Channel& head = state.channels[1];
  GroupState::Channel& gradients = state.channels[2];
  head.name = "head";
  gradients.name = "gradients";
  for (int rank = 0; rank < 8; ++rank) {
    state.waits.push_back(rank == 1   ? Wait{2, 3, kBarrier, 20}
                          : rank == 3 ? Wait{}
                                      : Wait{1, 17, kSum, 21.5});
    head.positions.push_back(rank == 1 ? Position{16, kBarrier} : Position{17, kSum});
    gradients.positions.push_back(rank == 3 ? Position{2, kBarrier} : Position{3, kBarrier});
  }
  state.waits.push_back(std::nullopt);
  head.positions.push_back(std::nullopt);
  gradients.positions.push_back(Position{3, kBarrier});
  EXPECT_EQ(explain_waits(state),
            "ranks 0, 2, 4-7 wait for ranks 1, 8 in all_reduce(sum) of 64 float32 (#17 of channel head); "
            "rank 1 waits for rank 3 in barrier (#3 of channel gradients); "
            "rank 3 waits for no rank: computing, reading or writing, or held in a debugger; "
            "rank 8 does not answer");
}

TEST(Delay, SaysWhoCalledDifferentOperations) {
  GroupState state;
  state.waits = {Wait{0, 5, kSum}, Wait{0, 5, kBarrier}};
  state.channels[0] = {"world", {Position{5, kSum}, Position{5, kBarrier}}};
  EXPECT_EQ(explain_waits(state),
            "rank 0 waits for rank 1 in all_reduce(sum) of 64 float32 (#5 of channel world); "
            "rank 1 waits for rank 0 in barrier (#5 of channel world)");
}

TEST(Delay, SaysWhereAllWaitForAMessage) {
  GroupState state;
  state.waits = {Wait{0, 5, kSum}, Wait{0, 5, kSum}};
  state.channels[0] = {"world", {Position{5, kSum}, Position{6, kBarrier}}};
  EXPECT_EQ(explain_waits(state),
            "ranks 0, 1 wait for a message, as every rank has started it, in all_reduce(sum) of 64 float32 "
            "(#5 of channel world)");
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
