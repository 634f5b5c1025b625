// The layer on R ranks, with T threads each, equals the float64 reference: loss, ∂x, stepped centers and their state.
#include "partialfc/head/partial_fc.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "partialfc/base/error.h"
#include "partialfc/base/test_support.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/head/class_sampler.h"
#include "partialfc/head/partial_fc_cases.h"
#include "partialfc/head/reference.h"

namespace partialfc {
namespace {

// The whole problem in float64, kept by class id.
class ReferenceModel {
 public:
  explicit ReferenceModel(const Case& test) : test_(test) {
    for (int64_t id = 0; id < test.classes; ++id) {
      std::vector<float> center(test.dim);
      initial_center(kSeed, id, center);
      auto& record = records_[id];
      record.assign(center.begin(), center.end());
      record.resize((1 + test.optimizer.states()) * test.dim, 0.0);
    }
  }

  reference::HeadResult step(int64_t step, const Matrix<float>& x, const std::vector<int64_t>& labels) {
    const std::vector<int64_t> active = active_classes(step, labels);
    std::map<int64_t, int64_t> column_of;
    Matrix<double> w(active.size(), test_.dim), x64(x.rows(), test_.dim);
    for (size_t j = 0; j < active.size(); ++j) {
      column_of[active[j]] = static_cast<int64_t>(j);
      std::copy_n(records_[active[j]].begin(), test_.dim, w[j]);
    }
    std::copy_n(x.data(), x.size(), x64.data());
    std::vector<int64_t> y;
    for (int64_t label : labels) y.push_back(label < 0 ? -1 : column_of.at(label));
    auto result = reference::margin_softmax(resolve_margin(test_.margin), x64, y, w);
    ++t_;
    for (size_t j = 0; j < active.size(); ++j) apply(records_[active[j]], result.dw[j]);
    return result;
  }

  std::map<int64_t, std::vector<double>>& records() { return records_; }

 private:
  std::vector<int64_t> active_classes(int64_t step, const std::vector<int64_t>& labels) const {
    const ClassPlacement placement(test_.classes, kSeed);
    std::vector<int64_t> positives, active;
    for (int64_t label : labels)
      if (label >= 0) positives.push_back(placement.position_of(label));
    std::sort(positives.begin(), positives.end());
    positives.erase(std::unique(positives.begin(), positives.end()), positives.end());
    ThreadTeam team(1);
    ClassSampler(placement, test_.rate, kSeed)
        .sample(step, {0, placement.num_blocks()}, positives, active, team);
    for (int64_t& position : active) position = placement.class_at(position);
    return active;
  }

  void apply(std::vector<double>& record, const double* g) const {
    double* const w = record.data();
    reference::optimizer_step(test_.optimizer, kRate, t_, g, w, w + test_.dim, w + 2 * test_.dim, test_.dim);
  }

  const Case test_;
  std::map<int64_t, std::vector<double>> records_;
  int t_ = 0;
};

// Rows of the global batch that `rank` brings: its quarters, split evenly over the ranks.
Range rows_of(const Case& test, int rank, int ranks) {
  const Range quarters = part_of(std::ssize(test.batches), ranks, rank);
  const auto begin = test.batches.begin();
  return {std::accumulate(begin, begin + quarters.first, int64_t{0}),
          std::accumulate(begin, begin + quarters.last, int64_t{0})};
}

// A logit s·c carries a few roundings of size s · 2^-24, and so, relatively, do E, p and all gradients.
double tolerance(const Case& test) { return 12 * test.margin.scale * 0x1p-24; }

void expect_near(const char* what, const float* got, const double* expected, int64_t n, double allowed) {
  for (int64_t i = 0; i < n; ++i) ASSERT_NEAR(got[i], expected[i], allowed) << what << " " << i;
}

void compare_with_reference(const VisitsKind& visits, const Case& test, int ranks, int threads) {
  SCOPED_TRACE(fmt::format("{}, {}, {} ranks, {} threads", visits.name, test.name, ranks, threads));
  const int64_t rows = std::accumulate(test.batches.begin(), test.batches.end(), int64_t{0});
  ReferenceModel model(test);
  std::vector<reference::HeadResult> expected;
  for (int step = 0; step < test.steps; ++step)
    expected.push_back(
        model.step(step, random_features(rows, test.dim, step), random_labels(rows, test.classes, step)));

  run_ranks(ranks, [&](Communicator& comm) {
    ThreadTeam team(threads);
    TestLayer layer(visits, options_of(test), comm, team);
    PartialFC& head = layer;
    const Range mine = rows_of(test, comm.rank(), ranks);
    for (int step = 0; step < test.steps; ++step) {
      const Matrix<float> x = random_features(rows, test.dim, step);
      const auto labels = random_labels(rows, test.classes, step);
      Matrix<float> dx(mine.size(), test.dim);
      const StepResult result = head.forward(step, x.view().rows_from(mine.first, mine.size()),
                                             std::span(labels).subspan(mine.first, mine.size()), dx.view());
      head.update(kRate);
      EXPECT_TRUE(result.finite);
      EXPECT_EQ(result.samples, rows - std::count(labels.begin(), labels.end(), -1));
      EXPECT_NEAR(result.loss, expected[step].loss, 1e-5 * expected[step].loss);
      const Matrix<double>& expected_dx = expected[step].dx;
      expect_near("dx", dx.data(), expected_dx[mine.first], dx.size(),
                  tolerance(test) * largest(expected_dx.data(), expected_dx.size()));
    }
    const auto records = own_records(head, team);
    for (size_t slot = 0; slot < records.size(); ++slot) {
      const auto& got = records[slot];
      const int64_t position = head.store().positions().first + static_cast<int64_t>(slot);
      const auto& wanted = model.records().at(head.placement().class_at(position));
      for (size_t i = 0; i < wanted.size(); i += test.dim)  // w, then each state vector
        expect_near("record", &got[i], &wanted[i], test.dim,
                    tolerance(test) * (largest(&wanted[i], test.dim) + 1e-3));
    }
  });
}

const Case kCases[] = {
    {.name = "plain", .margin = {.name = MarginName::kSoftmax}},
    {.name = "sampled", .rate = 0.2},
    {.name = "tiles", .classes = 1500, .dim = 8},
    {.name = "one_class_a_block", .classes = 37, .rate = 0.5},
    {.name = "arcface"},
    {.name = "cosface_sampled", .rate = 0.1, .margin = {.name = MarginName::kCosFace}},
    {.name = "combined", .margin = {.scale = 48, .m1 = 1.2f, .m2 = 0.3f, .m3 = 0.1f}},
    {.name = "detached", .margin = {.m2 = 0.5f, .detached = true}},
    {.name = "filtered", .rate = 0.5, .margin = {.m3 = 0.4f, .filter_above = 0.25f}},
    {.name = "no_momentum_no_decay", .optimizer = {.momentum = 0, .weight_decay = 0}},
    {.name = "adamw",
     .rate = 0.3,
     .optimizer = {.kind = OptimizerOptions::Kind::kAdamW, .weight_decay = 0.1f, .epsilon = 1}},
    {.name = "large_scale", .margin = {.scale = 90, .m3 = 0.1f}},
    {.name = "out_of_range", .margin = {.scale = 400}},
};

class PartialFCTest : public testing::TestWithParam<std::tuple<Case, VisitsKind>> {
 protected:
  void SetUp() override { skip_without_device(std::get<1>(GetParam())); }
};

TEST_P(PartialFCTest, EqualsTheReference) {
  const auto& [test, visits] = GetParam();
  for (int ranks : {1, 2, 3, 4})
    for (int threads = 1; threads <= visits.most_threads; ++threads)
      compare_with_reference(visits, test, ranks, threads);
}

INSTANTIATE_TEST_SUITE_P(Options, PartialFCTest,
                         testing::Combine(testing::ValuesIn(kCases), testing::ValuesIn(visits_kinds())),
                         [](const auto& info) {
                           return fmt::format("{}_{}", std::get<0>(info.param).name,
                                              std::get<1>(info.param).name);
                         });

}  // namespace
}  // namespace partialfc
