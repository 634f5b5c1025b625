// The layer over centers in a file.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numeric>

#include "partialfc/base/error.h"
#include "partialfc/base/scratch_file.h"
#include "partialfc/base/test_support.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/head/partial_fc_cases.h"

namespace partialfc {
namespace {

TEST(PartialFCMemory, AFileStoreGivesTheSameNumbers) {
  const ScratchFolder folder;
  PartialFCOptions options{.num_classes = 3000, .dim = 24, .sample_rate = 0.2};
  const VisitsKind host = visits_kinds().front();
  const Outcome in_memory = run_steps(host, options, 2, 20, 8);
  const auto row =
      static_cast<int64_t>(ScratchFile(folder.path()).alignment());  // which a smaller record takes
  options.file_store = FileStoreOptions{.folder = folder.path(), .memory_bytes = 1400 * row};
  const Outcome in_file = run_steps(host, options, 2, 20, 8);
  EXPECT_EQ(in_memory.losses, in_file.losses);
  EXPECT_EQ(in_memory.dx, in_file.dx);
  EXPECT_EQ(in_memory.records, in_file.records);
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
      for (int64_t position = 0; position < options_.num_classes; ++position)  // few have room at once
        result.push_back(records_at(head, {position}, team).front());
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
