#include "trainer/rank_balance.h"

#include <gtest/gtest.h>

namespace partialfc {
namespace {

TEST(RankBalance, NamesTheRankThatAllOthersWaitFor) {
  const double waited[] = {4, 0.5, 3, 5}, seconds[] = {10, 10, 10, 10};
  const RankBalance balance = rank_balance(waited, seconds);
  EXPECT_EQ(balance.slowest, 1);
  EXPECT_DOUBLE_EQ(balance.cost, 0.25);
  EXPECT_EQ(describe(balance),
            "ranks waited for each other 5 % to 50 % of the time; rank 1 is the slowest: without it a step "
            "could be 25 "
            "% shorter");
}

// Two ranks are slow: none of them alone costs anything.
TEST(RankBalance, NamesNobodyWhereNoOneRankIsToBlame) {
  const double waited[] = {1, 6, 1.5}, seconds[] = {10, 10, 10};
  const RankBalance balance = rank_balance(waited, seconds);
  EXPECT_EQ(balance.slowest, 0);
  EXPECT_DOUBLE_EQ(balance.cost, 0.05);
  EXPECT_EQ(describe(balance), "ranks waited for each other 10 % to 60 % of the time");
}

TEST(RankBalance, NoTimeIsNoWait) {
  const double nothing[] = {0, 0};
  EXPECT_EQ(rank_balance(nothing, nothing).cost, 0);
}

}  // namespace
}  // namespace partialfc
