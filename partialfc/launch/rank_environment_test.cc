#include "partialfc/launch/rank_environment.h"

#include <gmock/gmock.h>
#include <stdlib.h>

#include <filesystem>

#include "partialfc/base/test_support.h"

namespace partialfc {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

TEST(RankEnvironment, IsWhatRanksAreAlwaysGivenAndWhatIsAskedFor) {
  ::setenv("OMP_OF_THE_TEST", "1", 1);
  ::setenv("NO_BUSINESS_OF_RANKS", "1", 1);
  const std::vector<std::string> all = rank_environment({"HOME", "A=b c", "OMP_OF_THE_TEST=2"});
  EXPECT_THAT(all, Contains("PATH"));
  EXPECT_THAT(all, Not(Contains("NO_BUSINESS_OF_RANKS")));
  EXPECT_THAT(all, Not(Contains("OMP_OF_THE_TEST")));  // given a value once, at the end
  EXPECT_EQ(std::vector(all.end() - 3, all.end()),
            (std::vector<std::string>{"HOME", "A=b c", "OMP_OF_THE_TEST=2"}));
  EXPECT_THAT(rank_environment(), Contains("OMP_OF_THE_TEST"));
}

TEST(RankEnvironment, WhatIsNoVariableIsRefused) {
  EXPECT_THAT(message_of([] { rank_environment({"A-B=1"}); }), HasSubstr("'A-B' is no name of a variable"));
  EXPECT_THAT(message_of([] { rank_environment({"=1"}); }), HasSubstr("'' is no name of a variable"));
  EXPECT_THAT(message_of([] { rank_environment({"NOT_SET_HERE"}); }), HasSubstr("-x NOT_SET_HERE=VALUE"));
}

TEST(RankEnvironment, HostsNeedThePathThatTheRanksSee) {
  const HostNeeds own = host_needs("train", "", {"PATH", "V=1"});
  EXPECT_EQ(own.path, ::getenv("PATH"));
  EXPECT_EQ(own.folder, std::filesystem::current_path().string());
  const HostNeeds other = host_needs("train", "partialfc 1", {"PATH=/none", "LD_LIBRARY_PATH=/lib/a=b"});
  EXPECT_EQ(other.path, "/none");
  EXPECT_EQ(other.library_path, "/lib/a=b");
  EXPECT_EQ(other.version, "partialfc 1");
}

TEST(RankEnvironment, EveryLaunchHasAnIdOfItsOwn) {
  EXPECT_NE(new_launch_id(), new_launch_id());
  EXPECT_TRUE(std::filesystem::exists(own_program()));
}

}  // namespace
}  // namespace partialfc
