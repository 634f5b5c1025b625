#include "measure/link_measurement.h"

#include <gtest/gtest.h>

#include <thread>

#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

TEST(LinkMeasurement, GivesAllRanksTheSameLink) {
  for (const int ranks : {2, 3}) {
    std::vector<Link> links(ranks);
    run_ranks(ranks, [&](Communicator& world) {
      talk_to_all(world);
      links[world.rank()] = measure_link(world);
    });
    for (const Link& link : links) {
      EXPECT_GT(link.latency, 0);
      EXPECT_GT(link.bandwidth, 0);
      EXPECT_EQ(link.latency, links[0].latency);
      EXPECT_EQ(link.bandwidth, links[0].bandwidth);
    }
  }
}

TEST(LinkMeasurement, TheSlowestRankCounts) {
  constexpr double kSlow = 0.02;
  run_ranks(2, [&](Communicator& world) {
    const double seconds = median_seconds(world, 3, [&] {
      if (world.rank() == 1) std::this_thread::sleep_for(std::chrono::duration<double>(kSlow));
    });
    EXPECT_GE(seconds, kSlow);
  });
}

TEST(LinkMeasurement, BytesGrowWithTheRanks) {
  EXPECT_EQ(bytes_of_large_gather(2), 4 << 20);
  EXPECT_EQ(bytes_of_large_gather(30), 29 * bytes_of_large_gather(2));
  EXPECT_EQ(bytes_of_measurement(30), 29 * bytes_of_measurement(2));
  EXPECT_GE(bytes_of_measurement(2), 2 * bytes_of_large_gather(2));
}

TEST(LinkMeasurement, ALinkInWords) {
  EXPECT_EQ(link_text({.latency = 25.1e-6, .bandwidth = 1.4e9}), "latency 25.1 us, bandwidth 1.4 GB/s");
}

}  // namespace
}  // namespace partialfc
