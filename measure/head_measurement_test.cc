#include "measure/head_measurement.h"

#include <gtest/gtest.h>

#include "partialfc/base/test_support.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

constexpr int64_t kClasses = 3000, kBatch = 13, kDim = 24;

HeadMeasurementOptions options() {
  return {.head = {.classes = kClasses, .sample_rate = 0.5, .batch = kBatch, .dim = kDim},
          .steps = 3,
          .floor = false};
}

HeadFigures measure(const HeadMeasurementOptions& options, int ranks) {
  HeadFigures figures;
  run_ranks(ranks, [&](Communicator& world) {
    const HeadFigures mine = measure_head(options, world, true);
    if (world.rank() == 0) figures = mine;
  });
  return figures;
}

// Collectives: (x, y) of all rows, padded to the larger rank; Z⁻, z_y and a flag; the gradients of all rows.
TEST(HeadMeasurement, CountsCollectivesAndTheirBytes) {
  constexpr int64_t kPadded = kBatch + 1;
  const HeadFigures figures = measure(options(), 2);
  EXPECT_EQ(figures.ranks, 2);
  EXPECT_EQ(figures.collectives_per_step, 3);
  EXPECT_EQ(figures.bytes_per_step, 4 * (kPadded * (kDim + 2) + 2 * kBatch + 1 + kPadded * kDim));
  EXPECT_GE(figures.active, kClasses / 2);
  EXPECT_LE(figures.active, kClasses / 2 + 2 * kBatch);
  EXPECT_GT(figures.step_seconds, 0);
  EXPECT_LE(figures.forward_seconds, figures.step_seconds);
  EXPECT_FALSE(figures.floor.has_value());
  EXPECT_FALSE(figures.bounds.has_value());
}

TEST(HeadMeasurement, TheFloorIsOfThisShape) {
  HeadMeasurementOptions with_floor = options();
  with_floor.floor = true;
  const HeadFigures figures = measure(with_floor, 1);
  ASSERT_TRUE(figures.floor.has_value());
  EXPECT_FALSE(figures.floor_bf16.has_value());
  double products = 0;
  for (const double seconds : figures.floor->product_seconds) products += seconds;
  EXPECT_GT(products, 0);
  for (const std::string& way : figures.floor->ways) EXPECT_NE(way, "");
}

// Rows of AdamW hold two moments beside the center.
TEST(HeadMeasurement, RecordsFollowFromTheOptimizer) {
  HeadRunOptions head = options().head;
  EXPECT_EQ(head.record().bytes(), 2 * kDim * 4);
  head.optimizer.kind = OptimizerOptions::Kind::kAdamW;
  head.precision = Precision::kBFloat16;
  EXPECT_EQ(head.record().bytes(), 3 * kDim * 2);
}

TEST(HeadMeasurement, TouchingBringsEveryRowToLife) {
  for (const bool in_file : {false, true}) {
    const ScratchFolder folder;
    HeadRunOptions head = options().head;
    head.sample_rate = 0.1;
    if (in_file) head.file_store = FileStoreOptions{.folder = folder.path(), .memory_bytes = 64 << 20};
    run_ranks(1, [&](Communicator& world) {
      HeadRun run(head, world);
      EXPECT_EQ(run.rows_alive(), 0);
      run.touch_all_rows();
      EXPECT_EQ(run.rows_alive(), kClasses);
      EXPECT_GT(median_step(run, 1, 2), 0);
    });
  }
}

}  // namespace
}  // namespace partialfc
