#include "partialfc/comm/heartbeat.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

namespace partialfc {
namespace {

using std::chrono::milliseconds;
using std::chrono::minutes;
using testing::ElementsAre;
using testing::IsEmpty;

TEST(HeartbeatNeighbours, AreNextInARing) {
  EXPECT_THAT(heartbeat_neighbours(0, 1), IsEmpty());
  EXPECT_THAT(heartbeat_neighbours(0, 2), ElementsAre(1));
  EXPECT_THAT(heartbeat_neighbours(1, 2), ElementsAre(0));
  EXPECT_THAT(heartbeat_neighbours(0, 3), ElementsAre(2, 1));
  EXPECT_THAT(heartbeat_neighbours(4, 5), ElementsAre(3, 0));
}

// Whichever ranks are cut off, every rank on either side is linked, by beats on its side, to one that misses a beat.
TEST(HeartbeatNeighbours, EveryPartOfABrokenNetworkFindsOut) {
  constexpr int kSize = 7;
  for (int cut = 1; cut < (1 << kSize) - 1; ++cut) {
    const auto same_side = [&](int a, int b) { return (cut >> a & 1) == (cut >> b & 1); };
    std::set<int> told;
    for (int round = 0; round < kSize; ++round)
      for (int rank = 0; rank < kSize; ++rank)
        for (const int neighbour : heartbeat_neighbours(rank, kSize))
          if (!same_side(rank, neighbour) || told.contains(neighbour)) told.insert(rank);
    EXPECT_EQ(told.size(), kSize) << cut;
  }
}

TEST(Standstill, CountsFromTheLastChange) {
  Standstill::Clock::time_point now;
  Standstill standstill(now);
  EXPECT_EQ(standstill.look(0, now += milliseconds(100)), milliseconds(100));
  EXPECT_EQ(standstill.look(0, now += milliseconds(250)), milliseconds(350));
  EXPECT_EQ(standstill.look(5, now += milliseconds(100)), milliseconds(0));
  EXPECT_EQ(standstill.look(5, now += milliseconds(100)), milliseconds(100));
}

TEST(Standstill, LeavesOutTheTimeInWhichNobodyLooked) {
  Standstill::Clock::time_point now;
  Standstill standstill(now);
  EXPECT_EQ(standstill.look(0, now += minutes(10)), Standstill::kMostALook);
  EXPECT_EQ(standstill.look(0, now += milliseconds(100)), Standstill::kMostALook + milliseconds(100));
}

}  // namespace
}  // namespace partialfc
