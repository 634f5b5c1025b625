// Several forwards before one update; what a step leaves behind that was taken back, failed, or was not finite.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "partialfc/base/error.h"
#include "partialfc/base/test_support.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/head/partial_fc_cases.h"

namespace partialfc {
namespace {

class PartialFCPending : public VisitsTest {
 protected:
  static constexpr int64_t kRows = 6;  // of a rank and a forward

  static StepResult forward(PartialFC& head, int64_t step, int rank, float bad = 0) {
    Matrix<float> x = random_features(kRows, head.options().dim, 10 * step + rank);
    if (bad != 0) x(3, 1) = bad;
    Matrix<float> dx(kRows, head.options().dim);
    return head.forward(step, x.view(), random_labels(kRows, head.options().num_classes, 10 * step + rank),
                        dx.view());
  }
};

INSTANTIATE_TEST_SUITE_P(Visits, PartialFCPending, testing::ValuesIn(visits_kinds()),
                         [](const auto& info) { return std::string(info.param.name); });

// With SGD without momentum's memory of other steps, m after a first step is the gradient itself (and λw): so the sum of
// the moments of single steps, each from the same centers, is the moment of the summed gradient.
TEST_P(PartialFCPending, SeveralForwardsAreOneStepOfTheSummedGradient) {
  constexpr int kForwards = 3;
  for (const double rate : {1.0, 0.2})
    for (const int64_t kept_bytes : {int64_t{0}, int64_t{1} << 30}) {
      const int ranks = rate == 1 ? 1 : 3;
      run_ranks(ranks, [&](Communicator& comm) {
        SCOPED_TRACE(fmt::format("r = {}, {} bytes of E, {} ranks", rate, kept_bytes, ranks));
        ThreadTeam team(2);
        const Case test{
            .rate = rate, .margin = {.m2 = 0.5f}, .optimizer = {.momentum = 0.5f, .weight_decay = 0}};
        PartialFCOptions options = options_of(test);
        options.kept_bytes = kept_bytes;
        std::vector<std::vector<double>> sums;  // of the moments, by position
        for (int step = 0; step < kForwards; ++step) {
          TestLayer layer(GetParam(), options, comm, team);
          PartialFC& head = layer;
          forward(head, step, comm.rank());
          head.update(kRate, 0.5);
          const auto after = own_records(head, team);
          sums.resize(after.size(), std::vector<double>(test.dim));
          for (size_t i = 0; i < after.size(); ++i)
            for (int64_t d = 0; d < test.dim; ++d) sums[i][d] += after[i][test.dim + d];
        }
        TestLayer layer(GetParam(), options, comm, team);
        PartialFC& head = layer;
        for (int step = 0; step < kForwards; ++step) forward(head, step, comm.rank());
        head.update(kRate, 0.5);
        EXPECT_EQ(head.updates(), 1);
        const auto after = own_records(head, team);
        for (size_t i = 0; i < after.size(); ++i)
          for (int64_t d = 0; d < test.dim; ++d)
            ASSERT_NEAR(after[i][test.dim + d], sums[i][d],
                        1e-5 * (largest(sums[i].data(), test.dim) + 1e-2));
        // And nothing is left: the next step is an ordinary one.
        forward(head, 7, comm.rank());
        head.update(kRate);
        EXPECT_EQ(head.updates(), 2);
      });
    }
}

TEST_P(PartialFCPending, WhatIsNotFiniteOrTakenBackAddsNothing) {
  const Case test{.rate = 0.3};
  const auto run = [&](auto extra) {
    std::vector<std::vector<float>> result;
    run_ranks(2, [&](Communicator& comm) {
      ThreadTeam team(1);
      TestLayer layer(GetParam(), options_of(test), comm, team);
      PartialFC& head = layer;
      forward(head, 0, comm.rank());
      extra(head, comm.rank());
      head.update(kRate);
      if (comm.rank() == 0) result = own_records(head, team);
    });
    return result;
  };
  const auto alone = run([](PartialFC&, int) {});
  EXPECT_EQ(alone, run([](PartialFC& head, int rank) {
              EXPECT_FALSE(forward(head, 1, rank, rank == 1 ? NAN : 0).finite);
              head.drop_last();  // there is no last one: the one before it stays
            }));
  EXPECT_EQ(alone, run([](PartialFC& head, int rank) {
              forward(head, 1, rank);
              head.drop_last();
            }));
  EXPECT_NE(alone, run([](PartialFC& head, int rank) { forward(head, 1, rank); }));
}

TEST_P(PartialFCPending, WithoutAForwardNothingIsUpdated) {
  run_ranks(1, [&](Communicator& comm) {
    ThreadTeam team(1);
    TestLayer layer(GetParam(), options_of(Case{}), comm, team);
    PartialFC& head = layer;
    head.update(kRate);
    forward(head, 0, 0);
    head.drop_last();
    head.update(kRate);
    EXPECT_EQ(head.updates(), 0);
  });
}

TEST_P(PartialFCPending, AnUpdateBesideOtherWorkIsTheSame) {
  const auto run = [&](bool beside) {
    std::vector<std::vector<float>> result;
    run_ranks(1, [&](Communicator& comm) {
      ThreadTeam team(2);
      TestLayer layer(GetParam(), options_of(Case{.rate = 0.4}), comm, team);
      PartialFC& head = layer;
      Request update;
      for (int step = 0; step < 5; ++step) {
        forward(head, step, 0);  // waits for the update before it, whose request is still there
        update = head.begin_update(kRate);
        if (!beside) update.wait();
      }
      update.wait();
      result = own_records(head, team);
    });
    return result;
  };
  EXPECT_EQ(run(true), run(false));
}

}  // namespace
}  // namespace partialfc
