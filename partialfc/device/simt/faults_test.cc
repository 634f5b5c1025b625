// Every fault of faults.h is found, and named: what a run of the simulator's kernels that ends well is worth.
#include "partialfc/device/simt/faults.h"

#include <gmock/gmock.h>

#include <cmath>
#include <csignal>
#include <cstdlib>

#include "partialfc/base/test_support.h"
#include "partialfc/device/simt/control.h"
#include "partialfc/device/test_device.h"

namespace partialfc {
namespace {

using testing::AllOf;
using testing::AnyOf;
using testing::Contains;
using testing::Each;
using testing::ExitedWithCode;
using testing::Gt;
using testing::HasSubstr;
using testing::IsNan;
using testing::KilledBySignal;
using testing::Lt;
using testing::MatchesRegex;

class FaultsTest : public testing::Test {
 protected:
  void TearDown() override {
    message();
    simt::set_seed(0);
  }

  // What waiting for the stream throws.
  std::string message() {
    return message_of([&] { stream_.synchronize(); });
  }
  template <class Action>
  void run(Action&& action) {
    action();
    stream_.synchronize();
  }

  Stream stream_;
};

// Which of the two lines is come to first, and so who is found at the other, is the seed's.
TEST_F(FaultsTest, DivergentBarriersNameBothLines) {
  const auto found = [](std::string_view thread, int line, int others) {
    return MatchesRegex(
        fmt::format("kernel divergent_barriers on simulated device 0: block \\(0, 0, 0\\), thread \\({}, 0, "
                    "0\\): divergent barriers: this thread is at faults.cu:{}, others of its block are at "
                    "faults.cu:{}",
                    thread, line, others));
  };
  for (uint64_t seed = 0; seed < 4; ++seed) {
    simt::set_seed(seed);
    faults::divergent_barriers(stream_);
    EXPECT_THAT(message(), AnyOf(found("[0-9]", 16, 18), found("[1-6][0-9]", 18, 16))) << "seed " << seed;
  }
}

TEST_F(FaultsTest, ADeadlockTellsWhoWaitsWhere) {
  faults::barrier_in_a_branch(stream_);
  EXPECT_THAT(
      message(),
      HasSubstr("block (0, 0, 0), deadlock: 33 of 64 threads wait at the barrier of faults.cu:23; of "
                "warp 1 lanes 0xfffffeff wait in __ballot_sync at faults.cu:22 for lanes 0x00000100"));
}

TEST_F(FaultsTest, AMissingLane) {
  faults::missing_lane(stream_);
  EXPECT_THAT(message(),
              AllOf(HasSubstr("1 of 32 threads wait at the barrier of faults.cu:28"),
                    HasSubstr("lanes 0xfffffff7 wait in __shfl_sync at faults.cu:27 for lanes 0x00000008")));
}

TEST_F(FaultsTest, DifferentMasks) {
  faults::different_masks(stream_);
  EXPECT_THAT(message(),
              AllOf(HasSubstr("lanes 0x0000ffff wait in __shfl_sync at faults.cu:33 for lanes 0x00010000"),
                    HasSubstr("lanes 0xffff0000 wait in __shfl_sync at faults.cu:35 for lanes 0x0000ffff")));
}

TEST_F(FaultsTest, ALaneOutsideItsMask) {
  faults::lane_outside_its_mask(stream_);
  EXPECT_THAT(message(),
              HasSubstr("thread (16, 0, 0): lane 16 calls __syncwarp at faults.cu:38 with mask 0x0000ffff, "
                        "which leaves it out"));
}

TEST_F(FaultsTest, WhatAThreadThrowsEndsTheOthers) {
  int unwound = 0;
  faults::throws(&unwound, stream_);
  EXPECT_EQ(message(), "kernel throws on simulated device 0: block (2, 0, 0), thread (17, 0, 0): seventeen");
  EXPECT_EQ(unwound, 2 * 64 + 18);
  EXPECT_EQ(message(), "no error");
  const DeviceBuffer<int> y(128);  // and the device goes on
  faults::order_of_blocks(y.span(), stream_);
  EXPECT_EQ(to_host(y.span(), stream_)[0], 4);
}

TEST_F(FaultsTest, AFailureDropsWhatIsQueuedOnItsDevice) {
  const DeviceBuffer<int> y(1);
  Stream other;
  clear(y.span(), stream_);
  stream_.synchronize();
  faults::missing_lane(stream_);
  faults::order_of_blocks(y.span(), stream_);
  const Event done(stream_);
  other.wait(done);
  EXPECT_THAT(message_of([&] { other.synchronize(); }), HasSubstr("kernel missing_lane"));
  EXPECT_TRUE(done.is_done());
  EXPECT_EQ(to_host(y.span(), stream_)[0], 0);
}

TEST_F(FaultsTest, LimitsOfALaunch) {
  const auto launching = [&](unsigned threads, int64_t shared, unsigned grid_y) {
    return message_of([&] { faults::launch_with(threads, shared, grid_y, stream_); });
  };
  EXPECT_EQ(launching(1024, 227 << 10, 3), "no error");
  EXPECT_EQ(launching(1025, 0, 1), "launch of nothing: 1025 threads a block, at most 1024 fit");
  EXPECT_EQ(launching(32, (227 << 10) + 1, 1),
            "launch of nothing: 232449 bytes of dynamic shared memory, at most 232448 fit");
  EXPECT_EQ(launching(32, 0, 65536), "launch of nothing: 65536 blocks along y, at most 65535 fit");
  EXPECT_THAT(launching(0, 0, 1), HasSubstr("a block of 0 x 1 x 1 threads"));
}

TEST_F(FaultsTest, WhatNobodyWroteIsNaN) {
  const DeviceBuffer<float> x(1), y(8);
  faults::unwritten(x.span(), y.span(), stream_);
  EXPECT_THAT(to_host(y.span(), stream_), Each(IsNan()));
}

TEST_F(FaultsTest, CopiesStayInTheirAllocation) {
  const DeviceBuffer<float> x(10);
  const PinnedBuffer<float> y(20);
  EXPECT_EQ(message_of([&] { runtime::copy(x.span().address + 2, y.span().data(), 36, stream_.handle()); }),
            "copy to: 36 bytes at byte 8 of 40 on simulated device 0");
  EXPECT_THAT(message_of([&] { runtime::fill(x.span().address, 0, 41, stream_.handle()); }),
              HasSubstr("fill: 41 bytes"));
}

// Whose turn it is first is open; so what depends on it comes out differently under another seed.
TEST_F(FaultsTest, AnotherSeedIsAnotherOrderOfBlocks) {
  const DeviceBuffer<int> y(1);
  std::vector<int> last;
  for (uint64_t seed = 0; seed < 8; ++seed) {
    simt::set_seed(seed);
    faults::order_of_blocks(y.span(), stream_);
    last.push_back(to_host(y.span(), stream_)[0]);
  }
  EXPECT_EQ(last[0], 4);
  EXPECT_EQ(last[1], 0);
  EXPECT_THAT(last, Contains(AllOf(Gt(0), Lt(4))));
}

#if defined(__SANITIZE_THREAD__)
TEST_F(FaultsTest, Races) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");  // ThreadSanitizer sees nothing in the child of a fork
  const DeviceBuffer<int> y(128);
  const auto racing = [&](auto kernel) {
    kernel(y.span(), stream_);
    stream_.synchronize();
    std::exit(0);  // ThreadSanitizer makes it 66 where it has reported something
  };
  EXPECT_EXIT(racing(faults::race), ExitedWithCode(66), "data race.*race_kernel.*faults.cu:89");
  EXPECT_EXIT(racing(faults::hidden_race), ExitedWithCode(66), "data race.*hidden_race_kernel.*faults.cu:96");
  EXPECT_EXIT(racing(faults::warp_race), ExitedWithCode(66), "data race.*warp_race_kernel.*faults.cu:106");
  EXPECT_EXIT(racing(faults::shuffle_race), ExitedWithCode(66),
              "data race.*shuffle_race_kernel.*faults.cu:113");
  EXPECT_EXIT(racing(faults::race_of_blocks), ExitedWithCode(66),
              "data race.*race_of_blocks_kernel.*faults.cu:120");
  EXPECT_EXIT(racing(faults::atomic_and_plain), ExitedWithCode(66),
              "data race.*atomic_and_plain_kernel.*faults.cu:127");
  EXPECT_EXIT(racing(faults::order_of_blocks), ExitedWithCode(0), "");
  EXPECT_EXIT(racing(faults::shared_by_turns), ExitedWithCode(0), "");
}
#else
TEST_F(FaultsTest, AnotherSeedShowsRaces) {
  const auto wrong = [&](auto kernel, auto expected) {
    int seeds = 0;
    for (uint64_t seed = 0; seed < 8; ++seed) {
      simt::set_seed(seed);
      const DeviceBuffer<int> y(128);
      kernel(y.span(), stream_);
      const auto got = to_host(y.span(), stream_);
      bool differs = false;
      for (int i = 0; i < 128; ++i) differs |= got[static_cast<size_t>(i)] != expected(i);
      seeds += differs;
    }
    return seeds;
  };
  EXPECT_EQ(wrong(faults::race, [](int i) { return 127 - i; }), 8);
  EXPECT_GE(wrong(faults::hidden_race, [](int i) { return 2 * (i ^ 32) + 1; }), 6);
  EXPECT_EQ(wrong(faults::warp_race, [](int i) { return i ^ 1; }), 8);
}

TEST_F(FaultsTest, TheHostCannotReachDeviceMemory) {
  const DeviceBuffer<float> x(10);
  const auto expect_out_of_reach = [&] {
    const auto touch = [&] { *const_cast<volatile float*>(x.span().address) = 1; };
#if defined(__SANITIZE_ADDRESS__)
    EXPECT_DEATH(touch(), "use-after-poison.*faults_test.cc");
#else
    EXPECT_EXIT(touch(), KilledBySignal(SIGSEGV), "");
#endif
  };
  expect_out_of_reach();
  faults::global_store(x.span(), 0, stream_);
  stream_.synchronize();
  expect_out_of_reach();
}
#endif

// What AddressSanitizer and UndefinedBehaviorSanitizer report ends the program.
#if defined(__SANITIZE_ADDRESS__)
TEST_F(FaultsTest, OutOfBounds) {
  const DeviceBuffer<float> x(10);
  EXPECT_DEATH(run([&] { faults::global_store(x.span(), 10, stream_); }),
               "heap-buffer-overflow.*faults.cu:40");
  EXPECT_DEATH(run([&] { faults::global_store(x.span(), -1, stream_); }),
               "heap-buffer-overflow.*faults.cu:40");
  EXPECT_DEATH(run([&] { faults::dynamic_shared_store(10, 10, stream_); }),
               "heap-buffer-overflow.*faults.cu:44");
  EXPECT_DEATH(run([&] { faults::dynamic_shared_store(0, 0, stream_); }),
               "heap-buffer-overflow.*faults.cu:44");
  EXPECT_DEATH(run([&] { faults::static_shared_load(33, x.span(), stream_); }),
               "global-buffer-overflow.*faults.cu:50");
  EXPECT_DEATH(run([&] { faults::template_shared_load(33, x.span(), stream_); }),
               "global-buffer-overflow.*faults.cu:57");
  run([&] {
    faults::global_store(x.span(), 9, stream_);
    faults::dynamic_shared_store(10, 9, stream_);
    faults::static_shared_load(31, x.span(), stream_);
    faults::template_shared_load(31, x.span(), stream_);
  });
}

TEST_F(FaultsTest, MisalignedVectors) {
  const DeviceBuffer<float> x(16), y(1);
  run([&] { faults::misaligned_load(x.span(), 4, y.span(), stream_); });
  EXPECT_DEATH(run([&] { faults::misaligned_load(x.span(), 5, y.span(), stream_); }),
               "faults.cu:61.*misaligned address .* which requires 16 byte alignment");
  EXPECT_DEATH(run([&] { faults::misaligned_cached_load(x.span(), 5, y.span(), stream_); }),
               "misaligned address .* which requires 16 byte alignment.*faults.cu:66");
}

TEST_F(FaultsTest, MemoryThatIsReleased) {
  float* address = nullptr;
  {
    const DeviceBuffer<float> x(10);
    address = x.span().address;
  }
  EXPECT_DEATH(run([&] {
                 faults::global_store({address, 10}, 3, stream_);
               }),
               "heap-use-after-free.*faults.cu:40");
}
#endif

}  // namespace
}  // namespace partialfc
