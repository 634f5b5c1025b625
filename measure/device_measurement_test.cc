// The measurement of the head on a device, on the simulator: that it runs; its times mean nothing there.
#include <gtest/gtest.h>

#include "measure/head_measurement.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {
namespace {

TEST(DeviceMeasurement, RunsTheHeadAndTheFloorOfItsProducts) {
  for (const Precision precision : {Precision::kFloat32, Precision::kBFloat16})
    for (const int ranks : {1, 2}) {
      const HeadMeasurementOptions options{.head = {.classes = 500,
                                                    .sample_rate = 0.2,
                                                    .batch = 13,
                                                    .dim = 20,
                                                    .precision = precision,
                                                    .device = {.is_gpu = true}},
                                           .steps = 2};
      HeadFigures figures;
      run_ranks(ranks, [&](Communicator& world) {
        const HeadFigures mine = measure_head(options, world, true);
        if (world.rank() == 0) figures = mine;
      });
      EXPECT_EQ(figures.collectives_per_step, 3);
      EXPECT_GE(figures.active, 100);
      ASSERT_TRUE(figures.gpu.has_value());
      EXPECT_EQ(figures.gpu->name, "simulated device 0");
      EXPECT_GE(figures.gpu->head_bytes, 500 / ranks * 2 * 20 * size_of(precision));
      ASSERT_TRUE(figures.floor.has_value());
      EXPECT_GT(figures.floor->seconds, 0);
      EXPECT_EQ(figures.floor_bf16.has_value(), precision == Precision::kBFloat16);
    }
}

}  // namespace
}  // namespace partialfc
