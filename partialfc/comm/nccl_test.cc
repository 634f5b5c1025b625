// Channels over the memory of a device: of ranks that share one (device_ranks.h), and over NCCL, for which fake_nccl.h
// stands in.
#include "partialfc/comm/nccl.h"

#include <gmock/gmock.h>

#include <thread>

#include "partialfc/comm/device_ranks.h"
#include "partialfc/comm/fake_nccl.h"
#include "partialfc/comm/nccl_library.h"
#include "partialfc/comm/staged_ranks.h"
#include "partialfc/comm/thread_ranks.h"
#include "partialfc/device/buffer.h"
#include "partialfc/device/simt/control.h"

namespace partialfc {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;

struct Kind {
  const char* name;
  std::unique_ptr<Communicator> (*open)(Communicator&, const std::string&, Stream&);
  bool devices_of_their_own;
};
constexpr Kind kKinds[] = {{"Nccl", open_nccl_channel, true},
                           {"RanksOfOneDevice", open_device_channel, false}};
void PrintTo(const Kind& kind, std::ostream* out) { *out << kind.name; }

class DeviceConformance : public testing::TestWithParam<std::tuple<Kind, int, int>> {};

TEST_P(DeviceConformance, OfThreads) {
  const Kind kind = std::get<0>(GetParam());
  const int size = std::get<1>(GetParam());
  simt::set_seed(std::get<2>(GetParam()));
  simt::set_devices(kind.devices_of_their_own ? size : 1);
  for (const ConformanceCheck& check : device_conformance_checks()) {
    SCOPED_TRACE(check.name);
    EXPECT_NO_THROW(run_ranks(size, [&](Communicator& threads) {
      runtime::use_device(kind.devices_of_their_own ? threads.rank() : 0);
      Stream stream;
      const auto staged = stage(kind.open(threads, "device", stream), stream);
      check.run(*staged);
    }));
  }
}

std::string name_of_case(const testing::TestParamInfo<DeviceConformance::ParamType>& test) {
  return fmt::format("{}On{}WithSeed{}", std::get<0>(test.param).name, std::get<1>(test.param),
                     std::get<2>(test.param));
}
INSTANTIATE_TEST_SUITE_P(Orders, DeviceConformance,
                         testing::Combine(testing::ValuesIn(kKinds), testing::Values(1, 2),
                                          testing::Values(0, 1, 2)),
                         name_of_case);
INSTANTIATE_TEST_SUITE_P(MoreRanks, DeviceConformance,
                         testing::Combine(testing::ValuesIn(kKinds), testing::Values(3), testing::Values(0)),
                         name_of_case);

class Nccl : public testing::Test {
 protected:
  void SetUp() override {
    simt::set_seed(0);
    simt::set_devices(3);
  }
  void TearDown() override { fake_nccl() = {}; }

  // What the rank that failed first was told.
  static std::string failure(int ranks, const std::function<void(Communicator&, DeviceSpan<float>)>& body) {
    const auto run = [&](Communicator& threads) {
      runtime::use_device(threads.rank());
      Stream stream;
      DeviceBuffer<float> values(64);
      clear(values.span(), stream);
      const auto channel = open_nccl_channel(threads, "head", stream);
      body(*channel, values.span());
    };
    try {
      run_ranks(ranks, run, {.timeout = std::chrono::seconds(2)});
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing";
  }
};

// Its fourth operation: the first two are NCCL's id and joining.
TEST_F(Nccl, ALateRankIsNamed) {
  const auto body = [](Communicator& c, DeviceSpan<float> values) {
    c.all_reduce(values).wait();
    if (c.rank() == 1) std::this_thread::sleep_for(std::chrono::seconds(4));
    c.all_reduce(values).wait();
  };
  EXPECT_THAT(failure(3, body),
              ContainsRegex(
                  "rank [02] waits for all_reduce.sum. of 64 float32 .#4 of channel head.: not finished "
                  "after 2 s: rank 1 has not started it: its last was all_reduce.sum. of 64 float32 .#3.."));
}

TEST_F(Nccl, OtherOperationsAreNamed) {
  const auto body = [](Communicator& c, DeviceSpan<float> values) {
    c.all_reduce(c.rank() == 0 ? values : values.part(0, 32)).wait();
  };
  EXPECT_THAT(failure(2, body),
              ContainsRegex(
                  "NCCL on rank [01] on host .*, all_reduce.sum. of (32|64) float32 of channel head: invalid "
                  "usage: rank [01] calls all_reduce.sum. of (32|64) float32, rank [01] calls all_reduce"));
}

TEST_F(Nccl, AnAsynchronousErrorEndsAllRanks) {
  fake_nccl() = {.failing_rank = 1, .failing_operation = 3};
  const auto body = [](Communicator& c, DeviceSpan<float> values) {
    for (int i = 0; i < 4; ++i) c.all_reduce(values).wait();
  };
  EXPECT_THAT(failure(3, body),
              ContainsRegex(
                  "NCCL on rank 1 on host .*, all_reduce.sum. of 64 float32 of channel head: remote process "
                  "exited or there was a network error: the cable is out"));
}

TEST_F(Nccl, AChannelThatFailedStaysSo) {
  fake_nccl() = {.failing_rank = 0, .failing_operation = 1};
  const auto body = [](Communicator& c, DeviceSpan<float> values) {
    EXPECT_THROW(c.all_reduce(values).wait(), Error);
    c.barrier().wait();
  };
  EXPECT_EQ(failure(1, body), "barrier on channel head, which has failed");
}

// What the stand-in is strict about.
TEST_F(Nccl, TheStandInRefusesWhatNcclDoesNotForgive) {
  const NcclLibrary& library = nccl_library();
  nccl::UniqueId id{};
  nccl::Config config;
  nccl::Comm* comm = nullptr;
  ASSERT_EQ(library.get_unique_id(&id), nccl::Result::kSuccess);
  config.blocking = 1;
  EXPECT_EQ(library.init_rank(&comm, 1, id, 0, &config), nccl::Result::kInvalidUsage);
  config.blocking = 0;
  ASSERT_EQ(library.init_rank(&comm, 1, id, 0, &config), nccl::Result::kInProgress);
  Stream stream;
  DeviceBuffer<float> values(8);
  float* const x = values.span().address;
  const auto all_reduce = [&] {
    return library.all_reduce(x, x, 8, nccl::DataType::kFloat32, nccl::RedOp::kSum, comm, stream.handle());
  };
  EXPECT_EQ(all_reduce(), nccl::Result::kInvalidUsage);
  EXPECT_THAT(library.last_error(comm), HasSubstr("while the call before it is in progress"));
  auto state = nccl::Result::kInProgress;
  while (state == nccl::Result::kInProgress)
    ASSERT_EQ(library.async_error(comm, &state), nccl::Result::kSuccess);
  EXPECT_EQ(all_reduce(), nccl::Result::kInProgress);
  stream.synchronize();
  EXPECT_EQ(library.abort(comm), nccl::Result::kSuccess);
  EXPECT_EQ(all_reduce(), nccl::Result::kInvalidUsage);
  EXPECT_THAT(library.last_error(comm), HasSubstr("after ncclCommAbort"));
  EXPECT_EQ(library.abort(comm), nccl::Result::kInvalidUsage);
}

}  // namespace
}  // namespace partialfc
