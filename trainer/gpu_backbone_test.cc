// What the trainer does itself for a backbone on a GPU, on the simulator: sums of tensors over the ranks in a stream
// beside the one that computes, and the optimizer's step. libtorch's own work needs a real one.
#include <gmock/gmock.h>

#include <thread>

#include "partialfc/comm/fake_nccl.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/device/buffer.h"
#include "partialfc/device/simt/control.h"
#include "partialfc/device/test_device.h"
#include "partialfc/models/backbones.h"
#include "trainer/backbone_optimizer.h"
#include "trainer/tensor_channel.h"

namespace partialfc {
namespace {

using testing::ContainsRegex;
using testing::Each;

torch::Tensor tensor_of(DeviceSpan<float> values) {
  return torch::from_blob(values.address, {values.size}, torch::kFloat32);
}

class GpuBackbone : public testing::Test {
 protected:
  void TearDown() override { simt::set_seed(0); }
  // body on each rank, which has a GPU and a stream to compute in.
  static void run(int ranks, const std::function<void(Communicator&, Stream&)>& body,
                  Communicator::Options options = {}) {
    simt::set_devices(ranks);
    run_ranks(
        ranks,
        [&](Communicator& world) {
          runtime::use_device(world.rank());
          Stream compute;
          body(world, compute);
        },
        options);
  }
};

// In whatever order streams have their turn: a sum that began before what it sums was there, or was read before it
// was done, shows under one of the seeds.
TEST_F(GpuBackbone, SumsComeAfterWhatIsSummedAndBeforeWhatReadsThem) {
  for (const uint64_t seed : {0, 1, 2, 3})
    for (const int ranks : {1, 2, 3}) {
      simt::set_seed(seed);
      run(ranks, [&](Communicator& world, Stream& compute) {
        TensorChannel channel(world, "gradients", &compute);
        constexpr int64_t kCount = 100;
        const DeviceBuffer<float> values(kCount), read(kCount);
        PinnedBuffer<float> mine(kCount);
        std::vector<float> sums;
        for (int step = 1; step <= 3; ++step) {
          compute.synchronize();
          std::ranges::fill(mine.span(), static_cast<float>(step * (world.rank() + 1)));
          clear(values.span(), compute);
          copy(mine.span(), values.span(), compute);
          // Two buckets, sent off one after the other.
          channel.begin_sum(tensor_of(values.first(60)));
          channel.begin_sum(tensor_of(values.span().part(60, 40)));
          channel.finish();
          copy(values.span(), read.span(), compute);
          channel.wait_for_ranks();
          EXPECT_THAT(to_host(read.span(), compute), Each(static_cast<float>(step * ranks * (ranks + 1) / 2)))
              << "seed " << seed << ", rank " << world.rank();
        }
      });
    }
}

TEST_F(GpuBackbone, ALateRankIsNamedBeforeTheHostWaitsForTheStream) {
  std::string message;
  try {
    run(2,
        [](Communicator& world, Stream& compute) {
          TensorChannel channel(world, "gradients", &compute);
          const DeviceBuffer<float> values(64);
          clear(values.span(), compute);
          if (world.rank() == 1) std::this_thread::sleep_for(std::chrono::seconds(4));
          channel.begin_sum(tensor_of(values.span()));
          channel.finish();
          channel.wait_for_ranks();
        },
        {.timeout = std::chrono::seconds(2)});
  } catch (const Error& error) {
    message = error.what();
  }
  EXPECT_THAT(message,
              ContainsRegex("rank 0 waits for all_reduce.sum. of 64 float32 .* of channel gradients.: "
                            "not finished after 2 s: rank 1 has not started it"));
}

Network small_network() {
  return {make_backbone({.name = "small", .input = {1, 6, 6}, .embedding = 7, .width = 3, .stages = 1}), {}};
}

// Also where a run goes on: on the GPU with the CPU's states, and back.
TEST_F(GpuBackbone, TheOptimizersStepIsTheHosts) {
  simt::set_devices(1);
  Stream compute;
  ThreadTeam team(2);
  for (const auto kind : {OptimizerOptions::Kind::kSgd, OptimizerOptions::Kind::kAdamW}) {
    const OptimizerOptions options{.kind = kind, .weight_decay = 0.01f};
    Network on_host = small_network(), on_gpu = small_network();
    BackboneOptimizer host(on_host, options, 2, team, nullptr), gpu(on_gpu, options, 2, team, &compute);
    const auto step_both = [&](int seed) {
      torch::manual_seed(seed);
      for (Network* network : {&on_host, &on_gpu}) network->gradients().zero_();
      for (size_t i = 0; i < on_host.trainable().size(); ++i) {
        const torch::Tensor g = torch::randn(on_host.trainable()[i]->tensor.sizes());
        for (Network* network : {&on_host, &on_gpu}) network->trainable()[i]->tensor.mutable_grad().copy_(g);
      }
      host.step(0.1);
      gpu.step(0.1);
      compute.synchronize();
      EXPECT_NEAR(gpu.gradient_norm(), host.gradient_norm(), 1e-6 * host.gradient_norm());
      EXPECT_EQ(gpu.updates(), host.updates());
      EXPECT_TRUE(torch::allclose(on_gpu.weights(), on_host.weights(), 1e-5, 1e-6));
      for (size_t k = 0; k < host.states().size(); ++k)
        EXPECT_TRUE(torch::allclose(gpu.states()[k], host.states()[k], 1e-5, 1e-6));
    };
    for (int seed = 0; seed < 3; ++seed) step_both(seed);
    // As resume does it.
    gpu.set_updates(7);
    host.set_updates(7);
    step_both(3);
    EXPECT_EQ(gpu.updates(), 8);
  }
}

}  // namespace
}  // namespace partialfc
