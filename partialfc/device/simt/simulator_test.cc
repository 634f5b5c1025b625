// What the simulator does beside kernels: orders of streams, several devices, ranks as threads, work of other kinds.
#include <gmock/gmock.h>

#include <atomic>
#include <csignal>
#include <thread>

#include "partialfc/base/test_support.h"
#include "partialfc/device/simt/control.h"
#include "partialfc/device/test_device.h"
#include "partialfc/device/test_kernels.h"

namespace partialfc {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr int64_t kSize = 300;

class SimulatorTest : public testing::Test {
 protected:
  void SetUp() override { simt::set_seed(0); }
  void TearDown() override {
    runtime::use_device(0);
    simt::set_devices(1);
    simt::set_seed(0);
  }
};

std::vector<float> constant(float value) { return std::vector<float>(kSize, value); }

// The seeds (of 0, 1, 2) under which `program` gives what it should.
template <class Program>
std::vector<int> right_seeds(Program&& program) {
  std::vector<int> right;
  for (int seed = 0; seed < 3; ++seed) {
    simt::set_seed(static_cast<uint64_t>(seed));
    if (program()) right.push_back(seed);
  }
  return right;
}

// 1 → 3 in one stream, 3 → 15 in the other; whether what comes out is 15.
bool two_streams(bool with_event, bool wait_for_first) {
  const auto x = to_device(constant(1));
  const DeviceBuffer<float> middle(kSize), y(kSize);
  Stream first, second;
  scale(x.span(), 3, middle.span(), first);
  const Event scaled(first);
  if (with_event) second.wait(scaled);
  scale(middle.span(), 5, y.span(), second);
  if (wait_for_first) first.synchronize();
  return to_host(y.span(), second) == constant(15);
}

TEST_F(SimulatorTest, AMissingEventShowsUnderSomeSeed) {
  EXPECT_THAT(right_seeds([] { return two_streams(true, false); }), ElementsAre(0, 1, 2));
  EXPECT_THAT(right_seeds([] { return two_streams(true, true); }), ElementsAre(0, 1, 2));
  EXPECT_THAT(right_seeds([] { return two_streams(false, false); }), ElementsAre(1, 2));
  EXPECT_THAT(right_seeds([] { return two_streams(false, true); }), ElementsAre(0, 1));
}

TEST_F(SimulatorTest, MemoryThatIsWrittenAgainTooEarly) {
  EXPECT_THAT(right_seeds([] {
                const auto x = to_device(constant(1)), z = to_device(constant(2));
                const DeviceBuffer<float> y(kSize);
                Stream reads, writes;
                scale(x.span(), 3, y.span(), reads);
                copy(z.span(), x.span(), writes);  // should wait for the kernel
                writes.synchronize();
                return to_host(y.span(), reads) == constant(3);
              }),
              ElementsAre(1, 2));
  EXPECT_THAT(right_seeds([] {
                const DeviceBuffer<float> x(kSize);
                const PinnedBuffer<float> pinned(kSize);
                Stream stream;
                copy(pinned.span(), x.span(), stream);
                std::ranges::fill(pinned.span(), 1.0f);  // should come before the copy
                return to_host(x.span(), stream) == constant(1);
              }),
              ElementsAre(0, 2));
}

TEST_F(SimulatorTest, ResultsThatAreReadTooEarly) {
  EXPECT_THAT(right_seeds([] {
                const auto x = to_device(constant(1));
                const PinnedBuffer<float> pinned(kSize);
                Stream stream;
                copy(x.span(), pinned.span(), stream);
                return pinned[0] == 1;  // should wait
              }),
              ElementsAre(1));
}

TEST_F(SimulatorTest, ReleasingAndDestroyingFinishWhatIsQueued) {
  const auto x = to_device(constant(1));
  const PinnedBuffer<float> pinned(kSize);
  {
    Stream stream;
    copy(x.span(), pinned.span(), stream);
  }
  EXPECT_THAT(pinned.span(), Each(1));
  Stream stream;
  {
    const DeviceBuffer<float> y(kSize);
    scale(x.span(), 7, y.span(), stream);
    copy(y.span(), pinned.span(), stream);
  }
  EXPECT_THAT(pinned.span(), Each(7));
}

TEST_F(SimulatorTest, MemoryIsLimited) {
  simt::set_devices(1, 10'000);
  DeviceBuffer<char> first(4000);
  const DeviceBuffer<char> second(4000);
  EXPECT_EQ(runtime::free_memory(0), 10'000 - 2 * 4096);
  EXPECT_EQ(message_of([] { DeviceBuffer<char>(3000); }),
            "no 3000 bytes on simulated device 0: 1808 of 10000 bytes are free");
  first = {};
  const DeviceBuffer<char> third(3000);
  EXPECT_EQ(reinterpret_cast<uintptr_t>(third.span().address) % 256, 0u);
}

TEST_F(SimulatorTest, SeveralDevices) {
  simt::set_devices(3);
  EXPECT_EQ(runtime::device_count(), 3);
  EXPECT_EQ(runtime::properties(2).name, "simulated device 2");
  EXPECT_EQ(message_of([] { runtime::use_device(3); }), "there is no simulated device 3: there are 3");

  const auto on_first = to_device(constant(2));
  runtime::use_device(1);
  const DeviceBuffer<float> on_second(kSize), y(kSize);
  Stream stream;
  copy(on_first.span(), on_second.span(), stream);
  scale(on_second.span(), 5, y.span(), stream);
  EXPECT_THAT(to_host(y.span(), stream), Each(10));
}

#if !defined(__SANITIZE_THREAD__)
TEST_F(SimulatorTest, AKernelCannotReachAnotherDevice) {
  simt::set_devices(2);
  const auto on_first = to_device(constant(2));
  runtime::use_device(1);
  const DeviceBuffer<float> y(kSize);
  Stream stream;
  const auto run = [&] {
    scale(on_first.span(), 5, y.span(), stream);
    stream.synchronize();
  };
#if defined(__SANITIZE_ADDRESS__)
  EXPECT_DEATH(run(), "use-after-poison.*test_kernels.cu");
#else
  EXPECT_EXIT(run(), testing::KilledBySignal(SIGSEGV), "");
#endif
}
#endif

// Ranks that are threads, a device each: everything at once, under every order.
TEST_F(SimulatorTest, RanksAsThreads) {
  constexpr int kRanks = 4, kSteps = 20;
  for (uint64_t seed = 0; seed < 4; ++seed) {
    simt::set_devices(kRanks);
    simt::set_seed(seed);
    std::vector<float> results(kRanks);
    {
      std::vector<std::jthread> ranks;
      for (int rank = 0; rank < kRanks; ++rank)
        ranks.emplace_back([&, rank] {
          runtime::use_device(rank);
          const auto x = to_device(constant(static_cast<float>(rank + 1)));
          DeviceBuffer<float> y(kSize), z(kSize);
          Stream compute, copies;
          copy(x.span(), y.span(), compute);
          for (int step = 0; step < kSteps; ++step) {
            scale(y.span(), step % 2 == 0 ? 2 : 0.5, z.span(), compute);
            const Event scaled(compute);
            copies.wait(scaled);
            copy(z.span(), y.span(), copies);
            const Event copied(copies);
            compute.wait(copied);
          }
          results[static_cast<size_t>(rank)] = to_host(y.span(), compute)[17];
        });
    }
    EXPECT_THAT(results, ElementsAre(1, 2, 3, 4)) << "seed " << seed;
  }
}

// Two ranks' work that waits for the other's, as a collective does; the sum is there for the kernel behind it.
TEST_F(SimulatorTest, WorkThatWaitsForAnotherRank) {
  for (uint64_t seed = 0; seed < 4; ++seed) {
    simt::set_devices(2);
    simt::set_seed(seed);
    float sum = 0;
    int arrived = 0;  // these two under the simulator's turn
    std::vector<float> results(2);
    {
      std::vector<std::jthread> ranks;
      for (int rank = 0; rank < 2; ++rank)
        ranks.emplace_back([&, rank] {
          runtime::use_device(rank);
          const auto x = to_device(constant(static_cast<float>(rank + 1)));
          const DeviceBuffer<float> y(kSize);
          Stream stream;
          simt::enqueue(stream.handle(), "sum", [&, mine = false, address = x.span().address]() mutable {
            if (!std::exchange(mine, true)) sum += *address, ++arrived;
            if (arrived < 2) return false;
            *address = sum;
            return true;
          });
          scale(x.span(), 10, y.span(), stream);
          results[static_cast<size_t>(rank)] = to_host(y.span(), stream)[0];
        });
    }
    EXPECT_THAT(results, Each(30)) << "seed " << seed;
  }
}

TEST_F(SimulatorTest, WorkThatFailsNamesItself) {
  Stream stream;
  simt::enqueue(stream.handle(), "sum", []() -> bool { fail("the peer is gone"); });
  EXPECT_EQ(message_of([&] { stream.synchronize(); }), "sum on simulated device 0: the peer is gone");
}

}  // namespace
}  // namespace partialfc
