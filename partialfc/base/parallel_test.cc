#include "partialfc/base/parallel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <numeric>
#include <stdexcept>

namespace partialfc {
namespace {

TEST(PartOf, CoversWithoutOverlapAndEvenly) {
  for (int64_t count : {0, 1, 7, 64, 1000003})
    for (int64_t parts : {1, 2, 3, 8, 100}) {
      int64_t next = 0;
      for (int64_t i = 0; i < parts; ++i) {
        const Range range = part_of(count, parts, i);
        EXPECT_EQ(range.first, next);
        EXPECT_LE(std::abs(range.size() - count / parts), 1);
        next = range.last;
      }
      EXPECT_EQ(next, count);
    }
}

TEST(ThreadTeam, EachPartIsVisitedOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadTeam team(threads);
    for (int repeat = 0; repeat < 200; ++repeat) {
      std::vector<int> visits(repeat);
      team.for_each_part(0, repeat, [&](int, int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) ++visits[i];
      });
      EXPECT_EQ(std::accumulate(visits.begin(), visits.end(), 0), repeat);
    }
  }
}

TEST(ThreadTeam, RethrowsAndGoesOn) {
  ThreadTeam team(3);
  EXPECT_THROW(team.run([](int thread) {
    if (thread == 2) throw std::runtime_error("from a worker");
  }),
               std::runtime_error);
  std::atomic<int> calls = 0;
  team.run([&](int) { ++calls; });
  EXPECT_EQ(calls, 3);
}

}  // namespace
}  // namespace partialfc
