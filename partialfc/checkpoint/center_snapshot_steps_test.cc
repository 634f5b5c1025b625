// A snapshot beside steps of the head, some of which do not count.
#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <optional>

#include "partialfc/base/random.h"
#include "partialfc/base/test_support.h"
#include "partialfc/checkpoint/center_files.h"
#include "partialfc/checkpoint/center_snapshot.h"
#include "partialfc/checkpoint/living_rows.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

namespace fs = std::filesystem;

// A store of files whose memory just holds the rows of one step, a checkpoint under way, and steps that are not finite.
TEST(CenterSnapshot, StepsThatAreNotFiniteLeaveItsRowsFree) {
  constexpr int64_t kClasses = 3000, kDim = 24, kBatch = 8, kSteps = 12;
  const ScratchFolder run;
  PartialFCOptions options{
      .num_classes = kClasses, .dim = kDim, .max_batch = kBatch, .sample_rate = 0.1, .seed = 5};
  int64_t most_active = 0;
  // Two ordinary steps of three; the third brings NaN. after(head, step) sees each.
  const auto train = [&](ThreadTeam& team, const auto& before, const auto& after) {
    run_ranks(1, [&](Communicator& comm) {
      PartialFC head(options, comm, team);
      before(head);
      for (int64_t step = 0; step < kSteps; ++step) {
        RandomStream random(9, Purpose::kSyntheticData, static_cast<uint64_t>(step));
        Matrix<float> x(kBatch, kDim), gradients(kBatch, kDim);
        std::vector<int64_t> labels(kBatch);
        for (int64_t& label : labels) label = random.below(kClasses);
        for (int64_t i = 0; i < x.size(); ++i) x.data()[i] = static_cast<float>(random.normal());
        if (step % 3 == 2) x(3, 3) = NAN;
        const StepResult result = head.forward(step, x.view(), labels, gradients.view());
        EXPECT_EQ(result.finite, step % 3 != 2);
        most_active = std::max(most_active, result.active);
        if (result.finite) head.update(0.1);
        after(head, step);
      }
    });
  };
  ThreadTeam team(2);
  Rows expected, saved;
  train(
      team, [](PartialFC&) {},
      [&](PartialFC& head, int64_t step) {
        if (step == 3) expected = living_rows(head, team);
      });

  options.file_store = FileStoreOptions{.folder = run.path(), .memory_bytes = most_active * 4096};
  CheckpointWriter writer(run.path(), 1);
  std::optional<CenterSnapshot> snapshot;
  Manifest manifest;
  train(
      team, [&](PartialFC& head) { snapshot.emplace(head, team, 0, 1); },
      [&](PartialFC& head, int64_t step) {
        if (step == 3) {
          writer.create();
          snapshot->begin(writer, {.steps = 1000, .least_bytes = 1});
        }
        if (step > 3) snapshot->advance();
        if (step < kSteps - 1) return;
        manifest.files = snapshot->finish();
        snapshot.reset();
      });
  writer.commit(manifest, 100);
  options.file_store.reset();
  run_ranks(1, [&](Communicator& comm) {
    PartialFC head(options, comm, team);
    const fs::path folder = run / checkpoint_name(1);
    read_centers(center_files(folder, read_manifest(folder)), head, team);
    saved = living_rows(head, team);
  });
  EXPECT_EQ(saved, expected);
}

}  // namespace
}  // namespace partialfc
