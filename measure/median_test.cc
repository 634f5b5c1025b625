#include "measure/median.h"

#include <gtest/gtest.h>

namespace partialfc {
namespace {

TEST(Median, IsTheMiddleOrTheMeanOfTheMiddleTwo) {
  EXPECT_EQ(median({3}), 3);
  EXPECT_EQ(median({9, 1, 3}), 3);
  EXPECT_EQ(median({9, 1, 3, 4}), 3.5);
  EXPECT_EQ(median({1e9, 2, 2}), 2);
}

}  // namespace
}  // namespace partialfc
