#include "partialfc/base/nearest_name.h"

#include <gtest/gtest.h>

#include <vector>

namespace partialfc {
namespace {

TEST(NearestName, EditDistanceByHand) {
  EXPECT_EQ(edit_distance("", ""), 0);
  EXPECT_EQ(edit_distance("abc", ""), 3);
  EXPECT_EQ(edit_distance("kitten", "sitting"), 3);
  EXPECT_EQ(edit_distance("rate", "rates"), 1);
}

TEST(NearestName, SuggestsTheTypoAndNothingFar) {
  const std::vector<std::string> known = {"sample_rate", "scale", "margin"};
  EXPECT_EQ(did_you_mean("sampel_rate", known), "; did you mean 'sample_rate'?");
  EXPECT_EQ(did_you_mean("zzzzzzzz", known), "; known: sample_rate, scale, margin");
}

}  // namespace
}  // namespace partialfc
