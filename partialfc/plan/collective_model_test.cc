#include "partialfc/plan/collective_model.h"

#include <gtest/gtest.h>

#include <cmath>

#include "partialfc/plan/collective_simulator.h"

namespace partialfc {
namespace {

using Algorithm = CollectiveAlgorithm;

constexpr double kUs = 1e-6;

// A network of 10 Gbit/s; inside a host a tenth of the latency and eight times the bandwidth.
Interconnect hosts_of(int ranks_per_host) {
  return {.host = {2 * kUs, 10e9}, .network = {20 * kUs, 1.25e9}, .ranks_per_host = ranks_per_host};
}

TEST(CollectiveModel, CostsByHandOnFourHostsOfOneRank) {
  const Interconnect net = hosts_of(1);
  constexpr double kRound = 20e-6 + 12500 / 1.25e9;  // 30 us
  EXPECT_DOUBLE_EQ(all_gather_seconds(Algorithm::kRing, net, 4, 12500), 3 * kRound);
  EXPECT_DOUBLE_EQ(all_gather_seconds(Algorithm::kRecursiveDoubling, net, 4, 12500), 30e-6 + 40e-6);
  EXPECT_DOUBLE_EQ(all_reduce_seconds(Algorithm::kRing, net, 4, 50000), 6 * kRound);
  EXPECT_DOUBLE_EQ(all_reduce_seconds(Algorithm::kRecursiveDoubling, net, 4, 12500), 2 * kRound);
  EXPECT_DOUBLE_EQ(all_reduce_seconds(Algorithm::kTree, net, 4, 12500), 4 * kRound);
  EXPECT_DOUBLE_EQ(all_to_all_seconds(net, 4, 12500), 3 * kRound);
}

TEST(CollectiveModel, RanksOfAHostShareItsLink) {
  const Interconnect net = hosts_of(2);
  constexpr double kInside = 2e-6 + 12500 / 10e9, kAlone = 20e-6 + 12500 / 1.25e9,
                   kBoth = 20e-6 + 25000 / 1.25e9;
  EXPECT_DOUBLE_EQ(all_gather_seconds(Algorithm::kRing, net, 4, 12500), 2 * kAlone + kInside);
  EXPECT_DOUBLE_EQ(all_to_all_seconds(net, 4, 12500), 3 * kAlone + (kBoth - kAlone));
  EXPECT_DOUBLE_EQ(all_reduce_seconds(Algorithm::kRecursiveDoubling, net, 4, 12500), kInside + kBoth);
  EXPECT_DOUBLE_EQ(all_reduce_seconds(Algorithm::kTree, net, 4, 12500), 2 * (kInside + kAlone));
  EXPECT_DOUBLE_EQ(all_reduce_seconds(Algorithm::kRecursiveDoubling, net, 2, 12500), kInside);  // one host
}

TEST(CollectiveModel, OneRankCostsNothingAndWhatDoesNotApplyIsNeverChosen) {
  const Interconnect net = hosts_of(8);
  EXPECT_EQ(all_gather_cost(net, 1, 1 << 20).seconds, 0);
  EXPECT_EQ(all_reduce_cost(net, 1, 1 << 20).seconds, 0);
  EXPECT_EQ(reduce_scatter_cost(net, 1, 1 << 20).seconds, 0);
  EXPECT_TRUE(std::isinf(all_gather_seconds(Algorithm::kTree, net, 4, 8)));
  EXPECT_TRUE(std::isinf(all_gather_seconds(Algorithm::kRecursiveDoubling, net, 6, 8)));
  EXPECT_TRUE(std::isinf(all_reduce_seconds(Algorithm::kPairwise, net, 4, 8)));
  EXPECT_EQ(all_gather_cost(net, 6, 8).algorithm, Algorithm::kRing);
  EXPECT_EQ(all_reduce_cost(hosts_of(1), 64, 8).algorithm,
            Algorithm::kRecursiveDoubling);                                           // few bytes: few rounds
  EXPECT_EQ(all_reduce_cost(hosts_of(1), 64, 64 << 20).algorithm, Algorithm::kRing);  // many: few bytes
  EXPECT_EQ(all_reduce_cost(hosts_of(1), 100, 8).algorithm, Algorithm::kTree);
}

TEST(CollectiveSimulator, PlaysMessagesByHand) {
  const Interconnect net = hosts_of(2);
  // Both ranks of host 0 send 12,500 bytes to host 1: 10 us each on the link, one after the other.
  const auto both = [](int rank, int) {
    return rank < 2 ? SimulatedRound{.to = rank + 2, .bytes = 12500} : SimulatedRound{.from = rank - 2};
  };
  EXPECT_DOUBLE_EQ(simulate(net, 4, 1, both), 10e-6 + 10e-6 + 20e-6);
  // One goes to each of two hosts that a third host also sends to.
  const auto one = [](int rank, int) {
    return rank == 0   ? SimulatedRound{.to = 1, .bytes = 12500}
           : rank == 1 ? SimulatedRound{.from = 0}
                       : SimulatedRound{};
  };
  EXPECT_DOUBLE_EQ(simulate(net, 4, 1, one), 2e-6 + 12500 / 10e9);
  EXPECT_THROW(simulate(net, 2, 1, [](int, int) { return SimulatedRound{.from = 0}; }), std::exception);
}

struct Case {
  int ranks, ranks_per_host;
  int64_t bytes;
};

class ClosedForm : public testing::TestWithParam<Case> {
 protected:
  void expect_close(double closed, double simulated, double tolerance, const char* what) {
    EXPECT_NEAR(closed / simulated, 1, tolerance)
        << what << " " << GetParam().ranks << " ranks, " << GetParam().ranks_per_host << " a host, "
        << GetParam().bytes << " bytes: " << closed << " s, simulated " << simulated << " s";
  }
};

TEST_P(ClosedForm, AgreesWithTheSimulationMessageByMessage) {
  const auto [ranks, ranks_per_host, bytes] = GetParam();
  const Interconnect net = hosts_of(ranks_per_host);
  for (const Algorithm algorithm : {Algorithm::kRing, Algorithm::kRecursiveDoubling, Algorithm::kTree}) {
    const double gather = all_gather_seconds(algorithm, net, ranks, bytes);
    if (std::isfinite(gather))
      expect_close(gather, simulate_all_gather(algorithm, net, ranks, bytes), 0.1, "all_gather");
    const double reduce = all_reduce_seconds(algorithm, net, ranks, bytes);
    // A tree's ways that meet on a host's link are not counted.
    if (std::isfinite(reduce))
      expect_close(reduce, simulate_all_reduce(algorithm, net, ranks, bytes),
                   algorithm == Algorithm::kTree ? 0.2 : 0.1, "all_reduce");
  }
  expect_close(all_to_all_seconds(net, ranks, bytes), simulate_all_to_all(net, ranks, bytes), 0.1,
               "all_to_all");
}

INSTANTIATE_TEST_SUITE_P(Scales, ClosedForm,
                         testing::Values(Case{2, 1, 1 << 20}, Case{2, 2, 1 << 20}, Case{3, 1, 1000},
                                         Case{7, 8, 1 << 16}, Case{8, 8, 1 << 20}, Case{16, 8, 1 << 18},
                                         Case{24, 8, 1 << 14}, Case{64, 1, 1 << 18}, Case{64, 8, 1 << 18},
                                         Case{100, 4, 5000}, Case{256, 8, 100}, Case{512, 8, 1 << 17},
                                         Case{1024, 1, 1 << 10}, Case{1024, 8, 1 << 17},
                                         Case{1024, 16, 1 << 8}));

}  // namespace
}  // namespace partialfc
