// The layer on R ranks, with T threads each, equals the float64 reference: loss, ∂x, stepped centers and their state.
#include "partialfc/head/partial_fc.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <numeric>

#include "partialfc/base/error.h"
#include "partialfc/base/test_support.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/head/reference.h"
#include "partialfc/kernels/bfloat16_gemm.h"

namespace partialfc {
namespace {

// What a test runs: a layer, and the rows each rank brings to a step.
struct Case {
  const char* name = "";
  int64_t classes = 600, dim = 24;
  double rate = 1;
  MarginOptions margin;
  OptimizerOptions optimizer;
  std::vector<int64_t> batches = {5, 3, 0, 7};  // rows of each quarter of the global batch
  int steps = 3;
};

void PrintTo(const Case& test, std::ostream* out) { *out << test.name; }

constexpr uint64_t kSeed = 99;
constexpr double kRate =
    5e-4;  // small enough that a step does not turn a center round, which would amplify rounding

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
    auto result = reference::margin_softmax(test_.margin, x64, y, w);
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
    const auto& o = test_.optimizer;
    double *w = record.data(), *m = w + test_.dim, *v = m + test_.dim;
    for (int64_t d = 0; d < test_.dim; ++d) {
      if (o.kind == OptimizerOptions::Kind::kSgd) {
        m[d] = o.momentum * m[d] + g[d] + o.weight_decay * w[d];
        w[d] -= kRate * m[d];
      } else {
        m[d] = o.beta1 * m[d] + (1 - o.beta1) * g[d];
        v[d] = o.beta2 * v[d] + (1 - o.beta2) * g[d] * g[d];
        const double hat_m = m[d] / (1 - std::pow(o.beta1, t_)), hat_v = v[d] / (1 - std::pow(o.beta2, t_));
        w[d] -= kRate * (hat_m / (std::sqrt(hat_v) + o.epsilon) + o.weight_decay * w[d]);
      }
    }
  }

  const Case test_;
  std::map<int64_t, std::vector<double>> records_;
  int t_ = 0;
};

Matrix<float> random_features(int64_t rows, int64_t dim, int64_t step) {
  Matrix<float> x(rows, dim);
  RandomStream random(4, Purpose::kSyntheticData, static_cast<uint64_t>(step));
  for (int64_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(3 * random.normal());
  return x;
}

std::vector<int64_t> random_labels(int64_t rows, int64_t classes, int64_t step) {
  std::vector<int64_t> labels(rows);
  RandomStream random(5, Purpose::kSyntheticData, static_cast<uint64_t>(step));
  for (int64_t& label : labels) label = random.below(classes);
  if (rows > 4) labels[1] = -1, labels[4] = labels[2];  // one row to leave out, one class twice
  return labels;
}

// Rows of the global batch that `rank` brings: its quarters, split evenly over the ranks.
Range rows_of(const Case& test, int rank, int ranks) {
  const Range quarters = part_of(std::ssize(test.batches), ranks, rank);
  const auto begin = test.batches.begin();
  return {std::accumulate(begin, begin + quarters.first, int64_t{0}),
          std::accumulate(begin, begin + quarters.last, int64_t{0})};
}

PartialFCOptions options_of(const Case& test) {
  return {.num_classes = test.classes,
          .dim = test.dim,
          .max_batch = 16,
          .sample_rate = test.rate,
          .seed = kSeed,
          .margin = test.margin,
          .optimizer = test.optimizer};
}

std::vector<float> record_of(PartialFC& head, int64_t position, ThreadTeam& team) {
  int64_t slot;
  head.store().locate(std::span(&position, 1), std::span(&slot, 1), team);
  std::vector<float> record(head.store().layout().numbers());
  head.store().read(std::span(&slot, 1), {record.data(), 1, head.store().layout().numbers()});
  return record;
}

// A logit s·c carries a few roundings of size s · 2^-24, and so, relatively, do E, p and all gradients.
double tolerance(const Case& test) { return 12 * test.margin.scale * 0x1p-24; }

void expect_near(const char* what, const float* got, const double* expected, int64_t n, double allowed) {
  for (int64_t i = 0; i < n; ++i) ASSERT_NEAR(got[i], expected[i], allowed) << what << " " << i;
}

double largest(const double* values, int64_t n) {
  double most = 1e-12;
  for (int64_t i = 0; i < n; ++i) most = std::max(most, std::abs(values[i]));
  return most;
}

void compare_with_reference(const Case& test, int ranks, int threads) {
  SCOPED_TRACE(fmt::format("{}, {} ranks, {} threads", test.name, ranks, threads));
  const int64_t rows = std::accumulate(test.batches.begin(), test.batches.end(), int64_t{0});
  ReferenceModel model(test);
  std::vector<reference::HeadResult> expected;
  for (int step = 0; step < test.steps; ++step)
    expected.push_back(
        model.step(step, random_features(rows, test.dim, step), random_labels(rows, test.classes, step)));

  run_ranks(ranks, [&](Communicator& comm) {
    ThreadTeam team(threads);
    PartialFC head(options_of(test), comm, team);
    const Range mine = rows_of(test, comm.rank(), ranks);
    for (int step = 0; step < test.steps; ++step) {
      const Matrix<float> x = random_features(rows, test.dim, step);
      const auto labels = random_labels(rows, test.classes, step);
      Matrix<float> dx(mine.size(), test.dim);
      const HeadStep result = head.forward(step, x.view().rows_from(mine.first, mine.size()),
                                           std::span(labels).subspan(mine.first, mine.size()), dx.view());
      head.update(kRate);
      EXPECT_TRUE(result.finite);
      EXPECT_EQ(result.samples, rows - std::count(labels.begin(), labels.end(), -1));
      EXPECT_NEAR(result.loss, expected[step].loss, 1e-5 * expected[step].loss);
      const Matrix<double>& expected_dx = expected[step].dx;
      expect_near("dx", dx.data(), expected_dx[mine.first], dx.size(),
                  tolerance(test) * largest(expected_dx.data(), expected_dx.size()));
    }
    const Range owned = head.store().positions();
    for (int64_t position = owned.first; position < owned.last; ++position) {
      const auto got = record_of(head, position, team);
      const auto& wanted = model.records().at(head.placement().class_at(position));
      for (size_t i = 0; i < wanted.size(); i += test.dim)  // w, then each state vector
        expect_near("record", &got[i], &wanted[i], test.dim,
                    tolerance(test) * (largest(&wanted[i], test.dim) + 1e-3));
    }
  });
}

const Case kCases[] = {
    {.name = "plain"},
    {.name = "sampled", .rate = 0.2},
    {.name = "tiles", .classes = 1500, .dim = 8},
    {.name = "one_class_a_block", .classes = 37, .rate = 0.5},
    {.name = "arcface", .margin = {.m2 = 0.5f}},
    {.name = "cosface_sampled", .rate = 0.1, .margin = {.m3 = 0.4f}},
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

class PartialFCTest : public testing::TestWithParam<Case> {};

TEST_P(PartialFCTest, EqualsTheReference) {
  for (int ranks : {1, 2, 3, 4})
    for (int threads : {1, 2}) compare_with_reference(GetParam(), ranks, threads);
}

INSTANTIATE_TEST_SUITE_P(Options, PartialFCTest, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

// What a few steps leave: of the last step's gradients and of all records.
struct Outcome {
  std::vector<double> losses;
  std::vector<float> dx;
  std::vector<std::vector<float>> records;  // by class
};

Outcome run_steps(PartialFCOptions options, int threads, int64_t rows, int steps) {
  Outcome out;
  run_ranks(1, [&](Communicator& comm) {
    ThreadTeam team(threads);
    options.max_batch = rows;
    PartialFC head(options, comm, team);
    Matrix<float> dx(rows, options.dim);
    for (int step = 0; step < steps; ++step) {
      out.losses.push_back(head.forward(step, random_features(rows, options.dim, step).view(),
                                        random_labels(rows, options.num_classes, step), dx.view())
                               .loss);
      head.update(0.05);
    }
    out.dx.assign(dx.data(), dx.data() + dx.size());
    for (int64_t id = 0; id < options.num_classes; ++id)
      out.records.push_back(record_of(head, head.placement().position_of(id), team));
  });
  return out;
}

TEST(PartialFCMemory, WhatIsNotKeptIsComputedAgainAndTheSame) {
  for (const Precision precision : {Precision::kFloat32, Precision::kBFloat16}) {
    if (precision == Precision::kBFloat16 && bfloat16_unit() == BFloat16Unit::kNone) continue;
    PartialFCOptions options{.num_classes = 1700, .dim = 40, .sample_rate = 0.8, .precision = precision};
    const Outcome kept = run_steps(options, 2, 150, 3);
    for (const int64_t bytes : {int64_t{0}, int64_t{500'000}}) {
      options.kept_bytes = bytes;
      const Outcome computed_again = run_steps(options, 2, 150, 3);
      EXPECT_EQ(kept.losses, computed_again.losses);
      EXPECT_EQ(kept.dx, computed_again.dx);
      EXPECT_EQ(kept.records, computed_again.records);
    }
  }
}

TEST(PartialFCMemory, AFileStoreGivesTheSameNumbers) {
  const ScratchFolder folder;
  PartialFCOptions options{.num_classes = 3000, .dim = 24, .sample_rate = 0.2};
  const Outcome in_memory = run_steps(options, 2, 20, 8);
  options.file_store = FileStoreOptions{.folder = folder.path(), .memory_bytes = 1400 * 512};
  const Outcome in_file = run_steps(options, 2, 20, 8);
  EXPECT_EQ(in_memory.losses, in_file.losses);
  EXPECT_EQ(in_memory.dx, in_file.dx);
  EXPECT_EQ(in_memory.records, in_file.records);
}

double cosine_of(const std::vector<float>& a, const std::vector<float>& b) {
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i)
    ab += double{a[i]} * b[i], aa += double{a[i]} * a[i], bb += double{b[i]} * b[i];
  return ab / std::sqrt(aa * bb);
}

TEST(PartialFCBFloat16, FollowsFloat32) {
  if (bfloat16_unit() == BFloat16Unit::kNone) GTEST_SKIP() << "this CPU has no bfloat16 arithmetic";
  for (const auto kind : {OptimizerOptions::Kind::kSgd, OptimizerOptions::Kind::kAdamW})
    for (const int64_t rows : {3, 33, 140}) {
      PartialFCOptions options{.num_classes = 900,
                               .dim = 72,
                               .sample_rate = 0.5,
                               .margin = {.scale = 32, .m3 = 0.2f},
                               .optimizer = {.kind = kind, .epsilon = 1}};
      const Outcome exact = run_steps(options, 2, rows, 4);
      options.precision = Precision::kBFloat16;
      const Outcome rounded = run_steps(options, 2, rows, 4);
      for (size_t step = 0; step < exact.losses.size(); ++step)
        EXPECT_NEAR(rounded.losses[step], exact.losses[step], 0.005 * exact.losses[step]);
      EXPECT_GT(cosine_of(rounded.dx, exact.dx), 0.9995);
      for (size_t id = 0; id < exact.records.size(); ++id) {
        const auto center = [](const std::vector<float>& record) {
          return std::vector<float>(record.begin(), record.begin() + 72);
        };
        EXPECT_GT(cosine_of(center(rounded.records[id]), center(exact.records[id])), 0.999);
      }
    }
}

TEST(PartialFCBFloat16, ManySmallStepsAreNotLost) {
  if (bfloat16_unit() == BFloat16Unit::kNone) GTEST_SKIP() << "this CPU has no bfloat16 arithmetic";
  // Weight decay alone moves a center by 1e-4 of itself a step, an eightieth of what bfloat16 can tell apart.
  run_ranks(1, [&](Communicator& comm) {
    ThreadTeam team(1);
    PartialFC head({.num_classes = 64,
                    .dim = 64,
                    .max_batch = 1,
                    .precision = Precision::kBFloat16,
                    .margin = {.scale = 1e-3f},
                    .optimizer = {.momentum = 0, .weight_decay = 0.1f}},
                   comm, team);
    const auto norm = [&] {
      double sum = 0;
      for (int64_t position = 0; position < 64; ++position) {
        const auto record = record_of(head, position, team);
        for (int64_t d = 0; d < 64; ++d) sum += double{record[d]} * record[d];
      }
      return std::sqrt(sum);
    };
    const double before = norm();
    Matrix<float> dx(1, 64);
    for (int step = 0; step < 1000; ++step) {
      head.forward(step, random_features(1, 64, step).view(), std::vector<int64_t>{step % 64}, dx.view());
      head.update(1e-3);
    }
    EXPECT_NEAR(norm() / before, std::pow(1 - 1e-4, 1000), 0.01);
  });
}

// One rank, one step on given features and centers, beside the reference.
struct SingleStep {
  HeadStep step;
  Matrix<float> dx;
  reference::HeadResult expected;
};

SingleStep run_single(const MarginOptions& margin, const Matrix<float>& x, const std::vector<int64_t>& labels,
                      const Matrix<float>& centers) {
  SingleStep out;
  out.dx.resize(x.rows(), x.cols());
  run_ranks(1, [&](Communicator& comm) {
    ThreadTeam team(1);
    PartialFC head({.num_classes = centers.rows(), .dim = x.cols(), .max_batch = x.rows(), .margin = margin},
                   comm, team);
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
  out.expected = reference::margin_softmax(margin, x64, labels, w64);
  return out;
}

TEST(PartialFCEdges, CosinesOfOneAndMinusOne) {
  const int64_t dim = 16;
  Matrix<float> centers = random_features(20, dim, 8), x(2, dim);
  for (int64_t d = 0; d < dim; ++d) x(0, d) = 2 * centers(3, d), x(1, d) = -centers(5, d);
  for (const MarginOptions& margin :
       {MarginOptions{}, MarginOptions{.m2 = 0.5f}, MarginOptions{.m3 = 0.4f}}) {
    const auto run = run_single(margin, x, {3, 5}, centers);
    EXPECT_TRUE(run.step.finite);
    EXPECT_NEAR(run.step.loss, run.expected.loss, 1e-4 * run.expected.loss);
    // At c = ±1 the target's pull is along x and projected out; what rounding leaves of it is multiplied by ψ' ≈ 10³.
    for (int64_t i = 0; i < x.size(); ++i) EXPECT_NEAR(run.dx.data()[i], run.expected.dx.data()[i], 0.02);
  }
}

TEST(PartialFCEdges, ALearnedSampleKeepsItsDigits) {
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
  const auto run = run_single({}, x, {7}, centers);
  EXPECT_LT(run.expected.loss, 1e-12);
  EXPECT_GT(run.expected.loss, 0);
  EXPECT_NEAR(run.step.loss, run.expected.loss, 1e-3 * run.expected.loss);
  const double most = largest(run.expected.dx.data(), dim);
  EXPECT_GT(most, 0);
  for (int64_t d = 0; d < dim; ++d) EXPECT_NEAR(run.dx(0, d), run.expected.dx(0, d), 1e-3 * most);
}

TEST(PartialFCEdges, ZeroFeatures) {
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

TEST(PartialFCEdges, AnEmptyFilteredSetIsNoFault) {
  const auto run =
      run_single({.filter_above = -1}, random_features(3, 8, 9), {1, 2, 3}, random_features(20, 8, 8));
  EXPECT_TRUE(run.step.finite);
  EXPECT_EQ(run.step.loss, 0);
  for (int64_t i = 0; i < run.dx.size(); ++i) EXPECT_EQ(run.dx.data()[i], 0);
}

TEST(PartialFCEdges, OutOfRangeIsTakenAndReported) {
  EXPECT_TRUE(run_single({.scale = 400}, random_features(3, 8, 9), {1, 2, 3}, random_features(20, 8, 8))
                  .step.out_of_range);
  EXPECT_FALSE(run_single({.scale = 64}, random_features(3, 8, 9), {1, 2, 3}, random_features(20, 8, 8))
                   .step.out_of_range);
}

TEST(PartialFCEdges, NothingChangesWhenARankBringsNaN) {
  const Case test;
  for (float bad : {NAN, INFINITY})
    run_ranks(2, [&](Communicator& comm) {
      ThreadTeam team(1);
      PartialFC head(options_of(test), comm, team);
      Matrix<float> x = random_features(4, test.dim, 0), dx(4, test.dim);
      if (comm.rank() == 1) x(2, 3) = bad;
      const auto labels = random_labels(4, test.classes, comm.rank());
      dx.fill(7);
      EXPECT_FALSE(head.forward(0, x.view(), labels, dx.view()).finite);
      head.update(kRate);
      for (int64_t i = 0; i < dx.size(); ++i) EXPECT_EQ(dx.data()[i], 0);
      for (int64_t p = head.store().positions().first; p < head.store().positions().last; ++p) {
        std::vector<float> initial(test.dim);
        initial_center(kSeed, head.placement().class_at(p), initial);
        const auto record = record_of(head, p, team);
        EXPECT_TRUE(std::equal(initial.begin(), initial.end(), record.begin()));
      }
      x(2, 3) = 1;  // the next step is as if nothing had been
      EXPECT_TRUE(head.forward(1, x.view(), labels, dx.view()).finite);
    });
}

TEST(PartialFCEdges, ABatchWithoutSamplesDoesNothing) {
  const Case test;
  run_ranks(2, [&](Communicator& comm) {
    ThreadTeam team(1);
    PartialFC head(options_of(test), comm, team);
    Matrix<float> x = random_features(2, test.dim, 0), dx(2, test.dim);
    const HeadStep step = head.forward(0, x.view(), std::vector<int64_t>{-1, -1}, dx.view());
    head.update(kRate);
    EXPECT_EQ(step.samples, 0);
    EXPECT_EQ(step.loss, 0);
    EXPECT_EQ(head.updates(), 0);
  });
}

TEST(PartialFCEdges, BadLabelsAndTooManyRanksAreRefused) {
  const Case test;
  EXPECT_THROW(run_ranks(1,
                         [&](Communicator& comm) {
                           ThreadTeam team(1);
                           PartialFC head(options_of(test), comm, team);
                           Matrix<float> x = random_features(1, test.dim, 0), dx(1, test.dim);
                           head.forward(0, x.view(), std::vector<int64_t>{test.classes}, dx.view());
                         }),
               Error);
  EXPECT_THROW(run_ranks(3,
                         [&](Communicator& comm) {
                           ThreadTeam team(1);
                           PartialFC head({.num_classes = 2, .dim = 4, .max_batch = 1}, comm, team);
                         }),
               UsageError);
}

TEST(PartialFCTraffic, ThreeCollectivesOfTheStatedSize) {
  for (const auto& [scale, extra] : {std::pair{64.0f, 0}, std::pair{400.0f, 2}})
    run_ranks(2, [&, scale = scale, extra = extra](Communicator& comm) {
      Case test;
      test.margin.scale = scale;
      ThreadTeam team(1);
      PartialFCOptions options = options_of(test);
      options.max_batch = 8;
      PartialFC head(options, comm, team);
      const Matrix<float> x = random_features(8, test.dim, comm.rank());
      Matrix<float> dx(8, test.dim);
      std::vector<int64_t> labels(8);
      std::iota(labels.begin(), labels.end(), 8 * comm.rank());
      const Traffic before = comm.traffic();
      head.forward(0, x.view(), labels, dx.view());
      head.update(kRate);
      const Traffic after = comm.traffic();
      EXPECT_EQ(after.total().calls - before.total().calls, 3 + extra);
      const int64_t n = 16;
      EXPECT_EQ(after[Collective::kAllGather].bytes, n * (test.dim + 2) * 4);
      EXPECT_EQ(after[Collective::kReduceScatter].bytes, n * test.dim * 4);
      EXPECT_LE(after[Collective::kAllReduce].bytes, (3 + extra) * n * 4);
    });
}

TEST(PartialFCDeterminism, EqualRanksAndThreadsGiveEqualBits) {
  std::vector<std::vector<float>> runs;
  for (int run = 0; run < 2; ++run) {
    std::vector<float> all;
    std::mutex mutex;
    const Case test{.rate = 0.3};
    run_ranks(2, [&](Communicator& comm) {
      ThreadTeam team(2);
      PartialFC head(options_of(test), comm, team);
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
