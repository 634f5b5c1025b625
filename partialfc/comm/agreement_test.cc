#include "partialfc/comm/agreement.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "partialfc/base/host_name.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

using Values = std::vector<NamedValue>;
using testing::Each;
using testing::HasSubstr;

// What each rank is told, given what each has; empty: nothing.
std::vector<std::string> told(const std::vector<Values>& of_ranks) {
  std::vector<std::string> messages(of_ranks.size());
  run_ranks(static_cast<int>(of_ranks.size()), [&](Communicator& comm) {
    try {
      require_agreement(comm, of_ranks[comm.rank()], "start them alike");
    } catch (const DisagreementError& error) {
      messages[comm.rank()] = error.what();
    }
    comm.barrier().wait();  // the group is still of use
  });
  return messages;
}

class Agreement : public testing::TestWithParam<int> {};
INSTANTIATE_TEST_SUITE_P(Ranks, Agreement, testing::Range(1, 5));

TEST_P(Agreement, OfEqualValues) {
  EXPECT_THAT(told(std::vector<Values>(GetParam(), {{"seed", "1"}, {"empty", ""}})), Each(""));
  EXPECT_THAT(told(std::vector<Values>(GetParam())), Each(""));
}

TEST_P(Agreement, CostsOneSmallGather) {
  run_ranks(GetParam(), [](Communicator& comm) {
    require_agreement(comm, Values{{"long", std::string(10000, 'x')}}, "");
    EXPECT_EQ(comm.traffic().total().calls, 1);
    EXPECT_EQ(comm.traffic().total().bytes, 8 * comm.size());
  });
}

TEST_P(Agreement, TheFirstDifferenceIsToldOnEveryRank) {
  const std::string host = host_name();
  for (int odd = 1; odd < GetParam(); ++odd) {
    std::vector<Values> all(GetParam(), {{"seed", "1"}, {"rate", "0.1"}, {"batch", "64"}});
    all[odd][1].value = "0.2";
    const std::string rate =
        fmt::format("rate is 0.1 on rank 0 (host {}) and 0.2 on rank {} (host {})", host, odd, host);
    EXPECT_THAT(told(all), Each(rate + ": start them alike"));
    all[odd][2].value = "32";
    EXPECT_THAT(told(all), Each(rate + "; 1 more differs: start them alike"));
  }
}

TEST(Agreement, RankZeroMayBeTheOddOne) {
  EXPECT_THAT(told({{{"seed", "2"}}, {{"seed", "1"}}, {{"seed", "1"}}}),
              Each(HasSubstr("seed is 2 on rank 0")));
}

TEST(Agreement, AMissingNameDiffers) {
  const Values two = {{"a", "1"}, {"b", "2"}}, one = {{"a", "1"}};
  EXPECT_THAT(told({two, one}), Each(HasSubstr("b is 2 on rank 0")));
  EXPECT_THAT(told({two, one}), Each(HasSubstr("and not given on rank 1")));
  EXPECT_THAT(told({one, two}), Each(HasSubstr("b is not given on rank 0")));
}

TEST(Agreement, NamesAndValuesMayHoldAnything) {
  const std::string odd = "1:a\n2:\"b\", \u03ba";
  EXPECT_THAT(told({{{odd, "1"}, {"x", odd}}, {{odd, "1"}, {"x", ""}}}),
              Each(HasSubstr("x is " + odd + " on rank 0")));
  EXPECT_THAT(told({{{odd, "1"}, {"x", odd}}, {{odd, "1"}, {"x", ""}}}),
              Each(HasSubstr("and empty on rank 1")));
}

}  // namespace
}  // namespace partialfc
