// What the layer keeps where, and in which precision: values computed again, centers in a file, bfloat16.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "partialfc/base/error.h"
#include "partialfc/base/test_support.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/head/partial_fc_fixture.h"
#include "partialfc/kernels/bfloat16_gemm.h"

namespace partialfc {
namespace {

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

// A store of files in whose memory the rows of one step just fit: a row that stayed pinned would end the next step.
class PartialFCFewFrames : public testing::Test {
 protected:
  PartialFCFewFrames() {
    const Case test{.rate = 0.2};
    options_ = options_of(test);
    for (int step = 0; step < kSteps; ++step) steps_with(nullptr);
    options_.file_store = FileStoreOptions{.folder = folder_.path(), .memory_bytes = most_active_ * 4096};
  }

  // between(head, step), then the step's forward and update.
  std::vector<std::vector<float>> steps_with(const std::function<void(PartialFC&, int)>& between) {
    std::vector<std::vector<float>> result;
    run_ranks(1, [&](Communicator& comm) {
      ThreadTeam team(2);
      PartialFC head(options_, comm, team);
      for (int step = 0; step < kSteps; ++step) {
        if (between) between(head, step);
        Matrix<float> dx(8, options_.dim);
        const StepResult result = head.forward(step, random_features(8, options_.dim, step).view(),
                                               random_labels(8, options_.num_classes, step), dx.view());
        most_active_ = std::max(most_active_, result.active);
        head.update(kRate);
      }
      for (int64_t position = 0; position < options_.num_classes; ++position)
        result.push_back(record_of(head, position, team));
    });
    return result;
  }

  static constexpr int kSteps = 4;
  const ScratchFolder folder_;
  PartialFCOptions options_;
  int64_t most_active_ = 0;
};

TEST_F(PartialFCFewFrames, AStepThatIsNotFiniteLeavesNothingPinned) {
  const auto plain = steps_with(nullptr);
  EXPECT_EQ(
      plain, steps_with([&](PartialFC& head, int step) {
        Matrix<float> x = random_features(8, options_.dim, 50 + step), dx(8, options_.dim);
        x(2, 2) = NAN;
        EXPECT_FALSE(
            head.forward(step, x.view(), random_labels(8, options_.num_classes, step), dx.view()).finite);
        std::vector<int64_t> slots(head.store().rows_alive());
        std::iota(slots.begin(), slots.end(), int64_t{0});
        std::vector<std::byte> records(slots.size() * head.store().layout().bytes());
        ThreadTeam team(1);
        head.store().read_records(slots, records, team);  // as a checkpoint does
      }));
}

TEST_F(PartialFCFewFrames, AForwardThatThrewLeavesNothingPinned) {
  const auto plain = steps_with(nullptr);
  EXPECT_EQ(plain, steps_with([&](PartialFC& head, int step) {
              Matrix<float> x = random_features(8, options_.dim, 50 + step), dx(8, options_.dim);
              auto labels = random_labels(8, options_.num_classes, step);
              labels[7] = options_.num_classes;
              EXPECT_THROW(head.forward(step, x.view(), labels, dx.view()), Error);
            }));
}

}  // namespace
}  // namespace partialfc
