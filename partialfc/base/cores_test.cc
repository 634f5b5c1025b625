#include "partialfc/base/cores.h"

#include <gtest/gtest.h>
#include <sched.h>
#include <unistd.h>

namespace partialfc {
namespace {

TEST(Cores, AreThoseThatTheProcessIsBoundTo) {
  cpu_set_t before, one;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  EXPECT_EQ(usable_cores(), CPU_COUNT(&before));
  EXPECT_GE(usable_cores(::getppid()), 1);
  int core = 0;
  while (!CPU_ISSET(core, &before)) ++core;
  CPU_ZERO(&one);
  CPU_SET(core, &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  EXPECT_EQ(usable_cores(), 1);
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
}

}  // namespace
}  // namespace partialfc
