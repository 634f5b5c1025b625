// The layer where numbers are extreme, batches empty or input wrong; its traffic; equal bits. Over every kind of visits.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "partialfc/base/error.h"
#include "partialfc/base/test_support.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/head/partial_fc_cases.h"
#include "partialfc/head/reference.h"

namespace partialfc {
namespace {

// One rank, one step on given features and centers, beside the reference.
struct SingleStep {
  StepResult step;
  Matrix<float> dx;
  reference::HeadResult expected;
};

class PartialFCEdges : public VisitsTest {
 protected:
  SingleStep run_single(const MarginOptions& margin, const Matrix<float>& x,
                        const std::vector<int64_t>& labels, const Matrix<float>& centers) const;
};

INSTANTIATE_TEST_SUITE_P(Visits, PartialFCEdges, testing::ValuesIn(visits_kinds()),
                         [](const auto& info) { return std::string(info.param.name); });

SingleStep PartialFCEdges::run_single(const MarginOptions& margin, const Matrix<float>& x,
                                      const std::vector<int64_t>& labels,
                                      const Matrix<float>& centers) const {
  SingleStep out;
  out.dx.resize(x.rows(), x.cols());
  run_ranks(1, [&](Communicator& comm) {
    ThreadTeam team(1);
    TestLayer layer(GetParam(),
                    {.num_classes = centers.rows(), .dim = x.cols(), .max_batch = x.rows(), .margin = margin},
                    comm, team);
    PartialFC& head = layer;
    for (int64_t id = 0; id < centers.rows(); ++id) {
      int64_t position = head.placement().position_of(id), slot;
      head.store().locate(std::span(&position, 1), std::span(&slot, 1), team);
      std::vector<float> record(centers[id], centers[id] + x.cols());
      record.resize(2 * x.cols());
      head.store().write(std::span(&slot, 1), {record.data(), 1, 2 * x.cols()});
    }
    out.step = head.forward(0, x.view(), labels, out.dx.view());
    head.update(0.1);
  });
  Matrix<double> x64(x.rows(), x.cols()), w64(centers.rows(), x.cols());
  std::copy_n(x.data(), x.size(), x64.data());
  std::copy_n(centers.data(), centers.size(), w64.data());
  out.expected = reference::margin_softmax(resolve_margin(margin), x64, labels, w64);
  return out;
}

TEST_P(PartialFCEdges, CosinesOfOneAndMinusOne) {
  const int64_t dim = 16;
  Matrix<float> centers = random_features(20, dim, 8), x(2, dim);
  for (int64_t d = 0; d < dim; ++d) x(0, d) = 2 * centers(3, d), x(1, d) = -centers(5, d);
  for (const MarginOptions& margin :
       {MarginOptions{.name = MarginName::kSoftmax}, MarginOptions{.name = MarginName::kArcFace},
        MarginOptions{.name = MarginName::kCosFace}}) {
    const auto run = run_single(margin, x, {3, 5}, centers);
    EXPECT_TRUE(run.step.finite);
    EXPECT_NEAR(run.step.loss, run.expected.loss, 1e-4 * run.expected.loss);
    // At c = ±1 the target's pull is along x and projected out; what rounding leaves of it is multiplied by ψ' ≈ 10³.
    for (int64_t i = 0; i < x.size(); ++i) EXPECT_NEAR(run.dx.data()[i], run.expected.dx.data()[i], 0.02);
  }
}

TEST_P(PartialFCEdges, ALearnedSampleKeepsItsDigits) {
  const int64_t dim = 32, classes = 50;
  const Matrix<float> centers = random_features(classes, dim, 8);
  Matrix<float> x(1, dim);
  // x = w_7 turned by a little: c_y = 60/64.
  std::vector<float> across(centers[9], centers[9] + dim);
  double along = 0, w_norm = 0, across_norm = 0;
  for (int64_t d = 0; d < dim; ++d)
    along += double(across[d]) * centers(7, d), w_norm += double(centers(7, d)) * centers(7, d);
  for (int64_t d = 0; d < dim; ++d)
    across[d] -= float(along / w_norm) * centers(7, d), across_norm += double(across[d]) * across[d];
  const double c = 60.0 / 64, s = std::sqrt(1 - c * c);
  for (int64_t d = 0; d < dim; ++d)
    x(0, d) =
        static_cast<float>(c * centers(7, d) / std::sqrt(w_norm) + s * across[d] / std::sqrt(across_norm));
  const auto run = run_single({.name = MarginName::kSoftmax}, x, {7}, centers);
  EXPECT_LT(run.expected.loss, 1e-12);
  EXPECT_GT(run.expected.loss, 0);
  EXPECT_NEAR(run.step.loss, run.expected.loss, 1e-3 * run.expected.loss);
  const double most = largest(run.expected.dx.data(), dim);
  EXPECT_GT(most, 0);
  for (int64_t d = 0; d < dim; ++d) EXPECT_NEAR(run.dx(0, d), run.expected.dx(0, d), 1e-3 * most);
}

TEST_P(PartialFCEdges, ZeroFeatures) {
  const Matrix<float> centers = random_features(20, 8, 8);
  Matrix<float> x = random_features(3, 8, 9);
  std::fill_n(x[1], 8, 0.0f);
  const auto run = run_single({.m2 = 0.5f}, x, {1, 2, 3}, centers);
  EXPECT_TRUE(run.step.finite);
  EXPECT_NEAR(run.step.loss, run.expected.loss, 1e-5 * run.expected.loss);
  for (int64_t n = 0; n < 3; ++n) {
    const double most = largest(run.expected.dx[n], 8);
    for (int64_t d = 0; d < 8; ++d) EXPECT_NEAR(run.dx(n, d), run.expected.dx(n, d), 1e-4 * most);
  }
}

TEST_P(PartialFCEdges, AnEmptyFilteredSetIsNoFault) {
  const auto run =
      run_single({.filter_above = -1}, random_features(3, 8, 9), {1, 2, 3}, random_features(20, 8, 8));
  EXPECT_TRUE(run.step.finite);
  EXPECT_EQ(run.step.loss, 0);
  for (int64_t i = 0; i < run.dx.size(); ++i) EXPECT_EQ(run.dx.data()[i], 0);
}

TEST_P(PartialFCEdges, OutOfRangeIsTakenAndReported) {
  EXPECT_TRUE(run_single({.scale = 400}, random_features(3, 8, 9), {1, 2, 3}, random_features(20, 8, 8))
                  .step.out_of_range);
  EXPECT_FALSE(run_single({.scale = 64}, random_features(3, 8, 9), {1, 2, 3}, random_features(20, 8, 8))
                   .step.out_of_range);
}

TEST_P(PartialFCEdges, NothingChangesWhenARankBringsNaN) {
  const Case test;
  for (float bad : {NAN, INFINITY})
    run_ranks(2, [&](Communicator& comm) {
      ThreadTeam team(1);
      TestLayer layer(GetParam(), options_of(test), comm, team);
      PartialFC& head = layer;
      const auto before = own_records(head, team);
      Matrix<float> x = random_features(4, test.dim, 0), dx(4, test.dim);
      if (comm.rank() == 1) x(2, 3) = bad;
      const auto labels = random_labels(4, test.classes, comm.rank());
      dx.fill(7);
      EXPECT_FALSE(head.forward(0, x.view(), labels, dx.view()).finite);
      head.update(kRate);
      for (int64_t i = 0; i < dx.size(); ++i) EXPECT_EQ(dx.data()[i], 0);
      EXPECT_EQ(before, own_records(head, team));
      x(2, 3) = 1;  // the next step is as if nothing had been
      EXPECT_TRUE(head.forward(1, x.view(), labels, dx.view()).finite);
    });
}

TEST_P(PartialFCEdges, ABatchWithoutSamplesDoesNothing) {
  const Case test;
  run_ranks(2, [&](Communicator& comm) {
    ThreadTeam team(1);
    TestLayer layer(GetParam(), options_of(test), comm, team);
    PartialFC& head = layer;
    Matrix<float> x = random_features(2, test.dim, 0), dx(2, test.dim);
    const StepResult step = head.forward(0, x.view(), std::vector<int64_t>{-1, -1}, dx.view());
    head.update(kRate);
    EXPECT_EQ(step.samples, 0);
    EXPECT_EQ(step.loss, 0);
    EXPECT_EQ(head.updates(), 0);
  });
}

TEST_P(PartialFCEdges, BadLabelsAndTooManyRanksAreRefused) {
  const Case test;
  EXPECT_THROW(run_ranks(1,
                         [&](Communicator& comm) {
                           ThreadTeam team(1);
                           TestLayer layer(GetParam(), options_of(test), comm, team);
                           PartialFC& head = layer;
                           Matrix<float> x = random_features(1, test.dim, 0), dx(1, test.dim);
                           head.forward(0, x.view(), std::vector<int64_t>{test.classes}, dx.view());
                         }),
               Error);
  EXPECT_THROW(run_ranks(3,
                         [&](Communicator& comm) {
                           ThreadTeam team(1);
                           TestLayer layer(GetParam(), {.num_classes = 2, .dim = 4, .max_batch = 1}, comm,
                                           team);
                         }),
               UsageError);
}

TEST_P(PartialFCEdges, ThreeCollectivesOfTheStatedSize) {
  for (const auto& [scale, extra] : {std::pair{64.0f, 0}, std::pair{400.0f, 2}})
    run_ranks(2, [&, scale = scale, extra = extra](Communicator& comm) {
      Case test;
      test.margin.scale = scale;
      ThreadTeam team(1);
      PartialFCOptions options = options_of(test);
      options.max_batch = 8;
      TestLayer layer(GetParam(), options, comm, team);
      PartialFC& head = layer;
      const Matrix<float> x = random_features(8, test.dim, comm.rank());
      Matrix<float> dx(8, test.dim);
      std::vector<int64_t> labels(8);
      std::iota(labels.begin(), labels.end(), 8 * comm.rank());
      const Traffic before = layer.comm().traffic();
      head.forward(0, x.view(), labels, dx.view());
      head.update(kRate);
      const Traffic after = layer.comm().traffic();
      EXPECT_EQ(after.total().calls - before.total().calls, 3 + extra);
      const int64_t n = 16;
      EXPECT_EQ(after[Collective::kAllGather].bytes - before[Collective::kAllGather].bytes,
                n * (test.dim + 2) * 4);
      EXPECT_EQ(after[Collective::kReduceScatter].bytes, n * test.dim * 4);
      EXPECT_LE(after[Collective::kAllReduce].bytes, (3 + extra) * n * 4);
    });
}

TEST_P(PartialFCEdges, EqualRanksAndThreadsGiveEqualBits) {
  std::vector<std::vector<float>> runs;
  for (int run = 0; run < 2; ++run) {
    std::vector<float> all;
    std::mutex mutex;
    const Case test{.rate = 0.3};
    run_ranks(2, [&](Communicator& comm) {
      ThreadTeam team(2);
      TestLayer layer(GetParam(), options_of(test), comm, team);
      PartialFC& head = layer;
      Matrix<float> dx(6, test.dim);
      for (int step = 0; step < 4; ++step) {
        const Matrix<float> x = random_features(6, test.dim, 2 * step + comm.rank());
        head.forward(step, x.view(), random_labels(6, test.classes, 2 * step + comm.rank()), dx.view());
        head.update(kRate);
      }
      if (comm.rank() == 0) all.insert(all.end(), dx.data(), dx.data() + dx.size());
    });
    runs.push_back(all);
  }
  EXPECT_EQ(runs[0], runs[1]);
}

}  // namespace
}  // namespace partialfc
