#include "measure/training_rates.h"

#include <gtest/gtest.h>

#include "partialfc/comm/thread_ranks.h"
#include "partialfc/models/backbones.h"

namespace partialfc {
namespace {

TEST(TrainingRates, EveryRateIsMeasured) {
  const TrainingShape shape{
      .backbone = make_backbone({.name = "small", .input = {1, 16, 16}, .embedding = 16, .stages = 2}),
      .classes = 2000,
      .global_batch = 16,
      .ranks = 4};
  run_ranks(1, [&](Communicator& world) {
    const MeasuredRates rates = measure_rates(shape, true, world);
    EXPECT_GT(rates.backbone_flops, 0);
    EXPECT_GT(rates.head_flops, 0);
    EXPECT_GT(rates.memory_bandwidth, 0);
    EXPECT_FALSE(rates.link.has_value());  // of one rank there is none
  });
}

}  // namespace
}  // namespace partialfc
