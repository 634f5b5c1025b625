// Values that are kept or computed again, and bfloat16, over every kind of visits.
#include <gtest/gtest.h>

#include <cmath>

#include "partialfc/head/partial_fc_cases.h"

namespace partialfc {
namespace {

class PartialFCPrecision : public VisitsTest {};

INSTANTIATE_TEST_SUITE_P(Visits, PartialFCPrecision, testing::ValuesIn(visits_kinds()),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_P(PartialFCPrecision, WhatIsNotKeptIsComputedAgainAndTheSame) {
  for (const Precision precision : {Precision::kFloat32, Precision::kBFloat16}) {
    if (precision == Precision::kBFloat16 && !GetParam().has_bf16) continue;
    // Some of the tiles are kept, and the last is a part of one.
    const bool small = GetParam().needs_device;
    const int64_t rows = small ? 20 : 150;
    PartialFCOptions options{
        .num_classes = small ? 450 : 1700, .dim = 40, .sample_rate = 0.8, .precision = precision};
    const Outcome kept = run_steps(GetParam(), options, 2, rows, 3);
    for (const int64_t bytes : {int64_t{0}, int64_t{small ? 30'000 : 500'000}}) {
      options.kept_bytes = bytes;
      const Outcome computed_again = run_steps(GetParam(), options, 2, rows, 3);
      EXPECT_EQ(kept.losses, computed_again.losses);
      EXPECT_EQ(kept.dx, computed_again.dx);
      EXPECT_EQ(kept.records, computed_again.records);
    }
  }
}

double cosine_of(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i)
    ab += double{a[i]} * b[i], aa += double{a[i]} * a[i], bb += double{b[i]} * b[i];
  return ab / std::sqrt(aa * bb);
}

TEST_P(PartialFCPrecision, FollowsFloat32) {
  if (!GetParam().has_bf16) GTEST_SKIP() << GetParam().name << " has no bfloat16 arithmetic here";
  for (const auto kind : {OptimizerOptions::Kind::kSgd, OptimizerOptions::Kind::kAdamW})
    for (const int64_t rows : {3, 33, 140}) {
      if (rows == 140 && GetParam().needs_device) continue;  // nothing new, and the products take their time
      PartialFCOptions options{.num_classes = 600,
                               .dim = 72,
                               .sample_rate = 0.5,
                               .margin = {.scale = 32, .m3 = 0.2f},
                               .optimizer = {.kind = kind, .epsilon = 1}};
      const Outcome exact = run_steps(GetParam(), options, 2, rows, 4);
      options.precision = Precision::kBFloat16;
      const Outcome rounded = run_steps(GetParam(), options, 2, rows, 4);
      for (size_t step = 0; step < exact.losses.size(); ++step)
        EXPECT_NEAR(rounded.losses[step], exact.losses[step], 0.005 * exact.losses[step]);
      EXPECT_GT(cosine_of(rounded.dx, exact.dx), 0.9995);
      std::vector<float> exact_centers, rounded_centers;
      for (size_t id = 0; id < exact.records.size(); ++id) {
        const auto center = [](const std::vector<float>& record) {
          return std::vector<float>(record.begin(), record.begin() + 72);
        };
        const auto wanted = center(exact.records[id]), got = center(rounded.records[id]);
        EXPECT_GT(cosine_of(got, wanted), 0.997);
        exact_centers.insert(exact_centers.end(), wanted.begin(), wanted.end());
        rounded_centers.insert(rounded_centers.end(), got.begin(), got.end());
      }
      EXPECT_GT(cosine_of(rounded_centers, exact_centers), 0.9999);
    }
}

TEST_P(PartialFCPrecision, ManySmallStepsAreNotLost) {
  if (!GetParam().has_bf16) GTEST_SKIP() << GetParam().name << " has no bfloat16 arithmetic here";
  // Weight decay alone moves a center by 2e-4 of itself a step, a fortieth of what bfloat16 can tell apart.
  constexpr int kSteps = 300;
  run_ranks(1, [&](Communicator& comm) {
    ThreadTeam team(1);
    TestLayer layer(GetParam(),
                    {.num_classes = 64,
                     .dim = 64,
                     .max_batch = 1,
                     .precision = Precision::kBFloat16,
                     .margin = {.scale = 1e-3f},
                     .optimizer = {.momentum = 0, .weight_decay = 0.1f}},
                    comm, team);
    PartialFC& head = layer;
    const auto norm = [&] {
      double sum = 0;
      for (const auto& record : own_records(head, team))
        for (int64_t d = 0; d < 64; ++d) sum += double{record[d]} * record[d];
      return std::sqrt(sum);
    };
    const double before = norm();
    Matrix<float> dx(1, 64);
    for (int step = 0; step < kSteps; ++step) {
      head.forward(step, random_features(1, 64, step).view(), std::vector<int64_t>{step % 64}, dx.view());
      head.update(2e-3);
    }
    EXPECT_NEAR(norm() / before, std::pow(1 - 2e-4, kSteps), 0.005);
  });
}

}  // namespace
}  // namespace partialfc
