#include "partialfc/comm/communicator.h"

#include <gtest/gtest.h>

#include "partialfc/comm/conformance.h"
#include "partialfc/comm/host_collective.h"
#include "partialfc/comm/thread_ranks.h"

namespace partialfc {

void PrintTo(const ConformanceCheck& check, std::ostream* out) { *out << check.name; }

namespace {

static_assert(Transferable<std::byte> && Transferable<double> && !Transferable<int>);
static_assert(Transferable<BFloat16> && Reducible<BFloat16>);
static_assert(Reducible<int64_t> && !Reducible<std::byte>);

class Conformance : public testing::TestWithParam<std::tuple<ConformanceCheck, int>> {};

TEST_P(Conformance, OfThreadRanks) {
  const auto& [check, size] = GetParam();
  EXPECT_NO_THROW(run_ranks(size, check.run));
}

INSTANTIATE_TEST_SUITE_P(All, Conformance,
                         testing::Combine(testing::ValuesIn(conformance_checks()), testing::Range(1, 9)),
                         [](const auto& test) {
                           return fmt::format("{}On{}", std::get<0>(test.param).name,
                                              std::get<1>(test.param));
                         });

TEST(Combine, RefusesBytes) {
  std::byte a[2]{}, b[2]{};
  EXPECT_THROW(combine(a, b, 2, DataType::kByte, ReduceOp::kSum), InternalError);
}

TEST(Describe, SaysWhatMattersOfEachOperation) {
  EXPECT_EQ(describe({Collective::kAllReduce, nullptr, nullptr, 64, DataType::kFloat32, ReduceOp::kMin}),
            "all_reduce(min) of 64 float32");
  EXPECT_EQ(describe({Collective::kBroadcast, nullptr, nullptr, 3, DataType::kInt64, ReduceOp::kSum, 2}),
            "broadcast of 3 int64 from rank 2");
  EXPECT_EQ(describe({Collective::kAllGather, nullptr, nullptr, 9, DataType::kByte}), "all_gather of 9 byte");
  EXPECT_EQ(describe({Collective::kBarrier}), "barrier");
}

}  // namespace
}  // namespace partialfc
